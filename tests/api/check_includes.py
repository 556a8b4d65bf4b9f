#!/usr/bin/env python3
"""Includes go down only, as CONTRIBUTING.md's table of layers says, and file names are unique.

A quoted include is looked up as the compiler does (beside the file, then in include/ and libmedallion/);
it must be in a folder that the including file's folder may use. System headers (<...>) are free, but
<medallion/...> counts as a public header.

Usage: check_includes.py SOURCE_DIR
"""
import pathlib
import re
import sys

PUBLIC = "include/medallion"
LIBRARY = "libmedallion"

# Folder -> folders whose headers it may include, itself and the public headers not listed.
LOWER_LAYERS = {
    "include/medallion": [],
    "libmedallion/base": [],
    "libmedallion/kernels": ["libmedallion/base"],
    "libmedallion/column": ["libmedallion/base", "libmedallion/kernels"],
    "libmedallion/csv": ["libmedallion/base", "libmedallion/kernels", "libmedallion/column"],
    "libmedallion/operators": ["libmedallion/base", "libmedallion/kernels", "libmedallion/column"],
    "libmedallion/quality": [
        "libmedallion/base", "libmedallion/kernels", "libmedallion/column", "libmedallion/operators",
    ],
    "libmedallion/snapshot": [
        "libmedallion/base", "libmedallion/kernels", "libmedallion/column", "libmedallion/operators",
    ],
    "libmedallion/store": ["libmedallion/base", "libmedallion/kernels", "libmedallion/column"],
    "libmedallion/models": [],
    "libmedallion/warehouse": [
        "libmedallion/base", "libmedallion/kernels", "libmedallion/column", "libmedallion/csv",
        "libmedallion/operators", "libmedallion/quality", "libmedallion/snapshot", "libmedallion/store",
        "libmedallion/models",
    ],
    "libmedallion/artifacts": ["libmedallion/base"],
    "libmedallion/notify": ["libmedallion/base"],
    "libmedallion/watch": ["libmedallion/base"],
    "examples": [],
    "examples/cli": [],
    "bench": [],
}

# Folders that may include anything, and such as are not ours.
FREE = ("tests", "subprojects", "build", "bench/kernels", "bench/peers")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def source_files(root):
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.suffix in (".c", ".h") and not any(part.startswith((".", "build")) for part in relative.parts):
            yield relative


def find_header(root, including, name):
    for folder in (including.parent, pathlib.Path("include"), pathlib.Path(LIBRARY), pathlib.Path(".")):
        candidate = folder / name
        generator = candidate.with_name(f"generate_{candidate.stem}.py")  # the build makes the header
        if (root / candidate).is_file() or (root / generator).is_file():
            return candidate
    return None


def check_file(root, path):
    folder = path.parent.as_posix()
    allowed = {folder, PUBLIC, *LOWER_LAYERS[folder]}
    text = (root / path).read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        bracket, name = match.groups()
        if bracket == "<" and not name.startswith("medallion/"):
            continue
        line = text.count("\n", 0, match.start()) + 1
        header = find_header(root, path, name)
        if header is None:
            yield f"{path}:{line}: {name} is nowhere to be found"
        elif header.parent.as_posix() not in allowed:
            yield f"{path}:{line}: {folder} may not include {header}"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    faults, first_with_name, n_files = [], {}, 0
    for path in source_files(root):
        n_files += 1
        folder = path.parent.as_posix()
        if path.parts[0] != "subprojects":
            other = first_with_name.setdefault(path.name, path)
            if other != path:
                faults.append(f"{path}: there is also {other}")
        if any(folder == free or folder.startswith(free + "/") for free in FREE):
            continue
        if folder not in LOWER_LAYERS:
            faults.append(f"{path}: the folder {folder} is in no layer")
            continue
        faults.extend(check_file(root, path))
    for fault in faults:
        print(fault)
    print(f"{n_files} files, {len(faults)} faults")
    return 1 if faults or n_files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
