#!/usr/bin/env bash
# Installs a build folder into a temporary place and builds programs against it: through pkg-config,
# shared and static, and with the library as a meson subproject.
# Usage: check_install.sh BUILD_DIR
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
build_dir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

meson install -C "$build_dir" --no-rebuild --destdir "$work/root" >/dev/null
pc=$(dirname "$(find "$work/root" -name medallion.pc)")
export PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$work/root
library_dir=$(dirname "$pc")
needed=$(pkg-config --print-requires-private medallion | cut -d ' ' -f 1)

cat >"$work/program.c" <<'PROGRAM'
#include <medallion/medallion.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    mdl_context *context = NULL;
    mdl_error error = MDL_ERROR_INIT;
    if (mdl_context_create(NULL, &context, &error) != MDL_OK) {
        return 1;
    }
    mdl_context_free(context);
    puts(mdl_version());
    return strcmp(mdl_version(), MDL_VERSION_STRING) != 0;
}
PROGRAM

# shellcheck disable=SC2046
cc -o "$work/shared" "$work/program.c" $(pkg-config --cflags --libs medallion)
LD_LIBRARY_PATH=$library_dir "$work/shared"
# shellcheck disable=SC2046,SC2086
cc -o "$work/static" "$work/program.c" $(pkg-config --cflags medallion) \
    "$library_dir/libmedallion.a" $(pkg-config --libs $needed) -lpthread -lm
"$work/static"

mkdir -p "$work/project/subprojects"
ln -s "$source_dir" "$work/project/subprojects/libmedallion"
cp "$work/program.c" "$work/project/"
cat >"$work/project/meson.build" <<'MESON'
project('user', 'c')
medallion = dependency('medallion', fallback: ['libmedallion', 'medallion_dep'],
                       default_options: ['cli=false'])
test('program', executable('program', 'program.c', dependencies: medallion))
MESON
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
meson setup "$work/project/build" "$work/project" --wrap-mode=forcefallback >/dev/null
ninja -C "$work/project/build" >/dev/null
"$work/project/build/program"
