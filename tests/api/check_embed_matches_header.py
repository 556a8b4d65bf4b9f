#!/usr/bin/env python3
"""The program in medallion.h's comment is examples/embed.c, which is compiled and run: the manual cannot
show what does not work.

Usage: check_embed_matches_header.py SOURCE_DIR
"""
import difflib
import pathlib
import re
import sys


def program_in(header):
    """The text between @code and @endcode, without the comment's margin."""
    block = re.search(r"^ \* @code\n(.*?)^ \* @endcode$", header, re.S | re.M)
    if block is None:
        sys.exit("medallion.h has no @code block")
    lines = block.group(1).splitlines()
    return [re.sub(r"^ \*( |$)", "", line) for line in lines]


def main():
    root = pathlib.Path(sys.argv[1])
    shown = program_in((root / "include/medallion/medallion.h").read_text(encoding="utf-8"))
    compiled = (root / "examples/embed.c").read_text(encoding="utf-8").splitlines()
    difference = list(difflib.unified_diff(compiled, shown, "examples/embed.c", "medallion.h", lineterm=""))
    print("\n".join(difference) if difference else f"{len(compiled)} lines are the same")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())
