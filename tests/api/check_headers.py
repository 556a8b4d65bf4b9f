#!/usr/bin/env python3
"""Every public header compiles alone, without a warning, as C11, C17 and C++17.

Usage: check_headers.py SOURCE_DIR C_COMPILER CXX_COMPILER
"""
import pathlib
import subprocess
import sys
import tempfile

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
C_WARNINGS = ["-Wstrict-prototypes", "-Wmissing-prototypes"]


def main():
    root = pathlib.Path(sys.argv[1])
    c_compiler, cxx_compiler = sys.argv[2].split(), sys.argv[3].split()
    headers = sorted(path.name for path in (root / "include/medallion").glob("*.h"))
    if not headers:
        sys.exit("no headers found")
    languages = [
        ("C11", ".c", c_compiler + ["-std=c11"] + C_WARNINGS),
        ("C17", ".c", c_compiler + ["-std=c17"] + C_WARNINGS),
        ("C++17", ".cpp", cxx_compiler + ["-std=c++17"]),
    ]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for header in headers:
            for name, suffix, command in languages:
                # Twice: the guard is part of the promise.
                source = pathlib.Path(folder) / ("alone" + suffix)
                text = f"#include <medallion/{header}>\n" * 2 + "typedef int not_empty;\n"
                source.write_text(text, encoding="utf-8")
                run = subprocess.run(
                    command + WARNINGS + ["-I", str(root / "include"), "-fsyntax-only", str(source)],
                    capture_output=True, text=True, check=False)
                if run.returncode != 0:
                    failed += 1
                    print(f"{header} as {name}:\n{run.stderr}")
    n_checks = len(headers) * len(languages)
    print(f"{n_checks - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
