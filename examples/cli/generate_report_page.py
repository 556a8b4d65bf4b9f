#!/usr/bin/env python3
"""Puts page.html, page.css and page.js together and prints them as a C header.

The page is cut where its data goes: report_page_head, the JSON, report_page_tail.

Usage: generate_report_page.py PAGE_HTML PAGE_CSS PAGE_JS
"""
import sys

LINE_BYTES = 90


def escaped(data):
    return "".join(chr(b) if 0x20 <= b < 0x7F and b not in b'"\\?' else f"\\{b:03o}" for b in data)


def pieces(text):
    """Strings short enough for every compiler, one a line."""
    for line in text.splitlines(keepends=True):
        data = line.encode("utf-8")
        for start in range(0, len(data), LINE_BYTES):
            yield f'    "{escaped(data[start:start + LINE_BYTES])}",'


def print_array(name, text):
    print(f"static const char *const {name}[] = {{")
    print("\n".join(pieces(text)))
    print("    NULL,\n};")


def main():
    html, css, js = (open(path, encoding="utf-8").read() for path in sys.argv[1:4])
    page = html.replace("{{CSS}}", css.strip()).replace("{{JS}}", js.strip())
    head, tail = page.split("{{DATA}}")
    print("/* Made from the files in report/ by generate_report_page.py. */")
    print_array("report_page_head", head)
    print_array("report_page_tail", tail)


if __name__ == "__main__":
    main()
