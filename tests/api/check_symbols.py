#!/usr/bin/env python3
"""The shared library shows exactly the symbols of symbols.txt, and these are what the headers declare.

Usage: check_symbols.py SOURCE_DIR SHARED_LIBRARY [NM]
"""
import pathlib
import re
import subprocess
import sys

DECLARATION = re.compile(r"MDL_API\b(?:\s+MDL_MUST_CHECK\b)?[^;(]*?\b(mdl_\w+)\s*\(")


def declared_symbols(root):
    names = set()
    for header in (root / "include/medallion").glob("*.h"):
        names.update(DECLARATION.findall(header.read_text(encoding="utf-8")))
    return names


def exported_symbols(library, nm):
    lines = subprocess.run([nm, "-D", "--defined-only", "--format=posix", library],
                           capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[0].split("@")[0] for line in lines}


def report(wrong, what):
    for name in sorted(wrong):
        print(f"{name}: {what}")
    return len(wrong)


def main():
    root, library = pathlib.Path(sys.argv[1]), sys.argv[2]
    nm = sys.argv[3] if len(sys.argv) > 3 else "nm"
    listed_lines = (root / "tests/api/symbols.txt").read_text(encoding="utf-8").split()
    listed, declared = set(listed_lines), declared_symbols(root)
    exported = exported_symbols(library, nm)
    n_faults = report(exported - listed, "exported, but not in symbols.txt")
    n_faults += report(listed - exported, "in symbols.txt, but not exported")
    n_faults += report(declared - listed, "declared in a header, but not in symbols.txt")
    n_faults += report(listed - declared, "in symbols.txt, but declared in no header")
    if listed_lines != sorted(listed):
        print("symbols.txt is not sorted, or names a symbol twice")
        n_faults += 1
    print(f"{len(listed)} symbols, {n_faults} faults")
    return 1 if n_faults else 0


if __name__ == "__main__":
    sys.exit(main())
