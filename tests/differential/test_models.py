#!/usr/bin/env python3
"""Every model that `medallion build` writes, compared byte for byte with the oracle's.

    test_models.py MEDALLION [--data DIR] [--seeds N] [--scale S]

The inputs: the real ml-latest-small data set where MDL_TEST_DATA (or --data) names its folder, data
that `medallion generate` makes, a set with both sides of every border of the tiers, and N random
dirty sets. Beside equality with the oracle, what must not change a result is tried: the number of
threads, the order of rows in a file, the cut of a table over daily files. MDL_TEST_SEED sets the
first seed, so that a failure can be repeated.
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import make_dirty
import make_edges
import oracle

THREADS = [1, 2, 3, 8]
TIMEOUT_SECONDS = 300


class Failure(Exception):
    """What was expected and not found, in lines for the reader of the log."""


class Suite:
    def __init__(self, medallion, scratch):
        self.medallion = medallion
        self.scratch = pathlib.Path(scratch)
        self.n_passed = 0
        self.n_failed = 0
        self.n_directories = 0

    def directory(self):
        """A new empty folder; all of them go away with the suite's scratch folder."""
        self.n_directories += 1
        path = self.scratch / f"{self.n_directories:04d}"
        path.mkdir()
        return path

    def run(self, *arguments):
        command = [self.medallion, *map(str, arguments)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as late:
            raise Failure(f"  still running: {' '.join(command)}") from late
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace")
            raise Failure(f"  exit status {done.returncode}: {' '.join(command)}\n{said}")

    def build(self, data, *options):
        """The CSVs that the program writes for the given folders and files: {model name: bytes}."""
        out = self.directory()
        self.run("build", *data, "--out", out, "--quiet", *options)
        written = {path.stem: path.read_bytes() for path in out.glob("*.csv")}
        for path in out.iterdir():
            path.unlink()
        return written

    def check(self, name, test):
        try:
            test()
        except Failure as failure:
            self.n_failed += 1
            print(f"FAIL {name}\n{failure}", flush=True)
        else:
            self.n_passed += 1


def same_models(expected, actual):
    """Fails with the first lines that differ of each model that differs."""
    complaints = []
    if sorted(expected) != sorted(actual):
        complaints.append(f"  expected {sorted(expected)}\n  written  {sorted(actual)}")
    for name in expected:
        if name in actual and expected[name] != actual[name]:
            complaints.append(first_difference(name, expected[name], actual[name]))
    if complaints:
        raise Failure("\n".join(complaints))


def first_difference(name, expected, actual, n_shown=3):
    expected_lines, actual_lines = expected.split(b"\n"), actual.split(b"\n")
    length = max(len(expected_lines), len(actual_lines))
    shown = [f"  {name}: {len(expected_lines) - 1} lines expected, {len(actual_lines) - 1} written"]
    for number in range(length):
        wanted = expected_lines[number] if number < len(expected_lines) else None
        found = actual_lines[number] if number < len(actual_lines) else None
        if wanted != found:
            shown.append(f"    line {number + 1}")
            shown.append(f"      expected {wanted}")
            shown.append(f"      written  {found}")
            n_shown -= 1
        if n_shown == 0:
            break
    return "\n".join(shown)


# --- the same rows in other files ----------------------------------------------------------------


def lines_of(path):
    """Header, rows and line end of a ratings file, where no line end is quoted."""
    content = path.read_bytes()
    line_end = b"\r\n" if b"\r\n" in content else b"\n"
    header, *rows = content.removesuffix(line_end).split(line_end)
    return header, rows, line_end


def write_lines(path, header, rows, line_end):
    path.write_bytes(b"".join(line + line_end for line in [header, *rows]))


def copy_without(source, target, left_out):
    for path in source.iterdir():
        if oracle.source_of(path) and path.name not in left_out:
            (target / path.name).write_bytes(path.read_bytes())


def permuted(suite, source, generator):
    """The data set with the rows of ratings.csv in another order."""
    target = suite.directory()
    copy_without(source, target, ["ratings.csv"])
    header, rows, line_end = lines_of(source / "ratings.csv")
    generator.shuffle(rows)
    write_lines(target / "ratings.csv", header, rows, line_end)
    return target


def split_by_days(suite, source, generator):
    """The data set with the rows of ratings.csv cut, in their order, over daily files."""
    target = suite.directory()
    copy_without(source, target, ["ratings.csv"])
    header, rows, line_end = lines_of(source / "ratings.csv")
    dates = make_dirty.DAILY_DATES
    cuts = [0, *sorted(generator.randint(0, len(rows)) for _ in dates[1:]), len(rows)]
    for date, start, end in zip(dates, cuts, cuts[1:]):
        write_lines(target / f"{date}_ratings.csv", header, rows[start:end], line_end)
    return target


# --- tests ---------------------------------------------------------------------------------------


def test_data_set(suite, name, data, generator):
    """Equality with the oracle, and what must not change it. Keys of the ratings must be unique."""
    expected = oracle.build([data])
    others = {
        "permuted": permuted(suite, data, generator),
        "split by days": split_by_days(suite, data, generator),
    }
    for threads in THREADS:
        suite.check(f"{name}, {threads} threads",
                    lambda: same_models(expected, suite.build([data], "--threads", threads)))
    for change, folder in others.items():
        suite.check(f"{name}, ratings {change}",
                    lambda: same_models(expected, suite.build([folder])))


def test_dirty_seed(suite, seed):
    """A random dirty set as a folder; every fifth also with all threads and file by file."""
    data = suite.directory()
    make_dirty.make(seed, data)
    expected = oracle.build([data])
    suite.check(f"dirty seed {seed}", lambda: same_models(expected, suite.build([data])))
    if seed % 5 != 0:
        return
    for threads in THREADS:
        suite.check(f"dirty seed {seed}, {threads} threads",
                    lambda: same_models(expected, suite.build([data], "--threads", threads)))
    files = sorted(data.iterdir())
    random.Random(seed).shuffle(files)
    suite.check(f"dirty seed {seed}, files {[path.name for path in files]}",
                lambda: same_models(oracle.build(files), suite.build(files)))


def test_large_seed(suite, seed):
    data = suite.directory()
    make_dirty.make(seed, data, large=True)
    expected = oracle.build([data])
    for threads in THREADS:
        suite.check(f"large dirty seed {seed}, {threads} threads",
                    lambda: same_models(expected, suite.build([data], "--threads", threads)))


def test_clean_seed(suite, seed):
    data = suite.directory()
    make_dirty.make(seed, data, clean=True)
    test_data_set(suite, f"clean seed {seed}", data, random.Random(seed))


def test_edges(suite):
    data = suite.directory()
    make_edges.make(data)
    expected = oracle.build([data])
    suite.check("borders of the tiers", lambda: same_models(expected, suite.build([data])))


def test_generated(suite, seed, scale):
    data = suite.directory()

    def generate():
        suite.run("generate", data, "--scale", scale, "--seed", seed)

    suite.check(f"medallion generate --scale {scale} --seed {seed}", generate)
    if (data / "ratings.csv").exists():
        test_data_set(suite, f"generated data, seed {seed}", data, random.Random(seed))


def main():
    parser = argparse.ArgumentParser(description="Compares every model with the oracle's.")
    parser.add_argument("medallion", help="the program to test")
    parser.add_argument("--data", default=os.environ.get("MDL_TEST_DATA"),
                        help="folder of ml-latest-small (default: MDL_TEST_DATA)")
    parser.add_argument("--seeds", type=int, default=40, help="random dirty sets (default 40)")
    parser.add_argument("--scale", type=float, default=0.002,
                        help="of the generated data (default 0.002)")
    arguments = parser.parse_args()
    first_seed = int(os.environ.get("MDL_TEST_SEED", "1"))
    print(f"seeds from {first_seed} (MDL_TEST_SEED)")

    with tempfile.TemporaryDirectory(prefix="medallion-differential-") as scratch:
        suite = Suite(os.path.abspath(arguments.medallion), scratch)
        if arguments.data:
            data = pathlib.Path(arguments.data)
            test_data_set(suite, "real data", data, random.Random(first_seed))
        else:
            print("skipped: the real data set (MDL_TEST_DATA is not set)")
        test_generated(suite, first_seed, arguments.scale)
        test_edges(suite)
        test_large_seed(suite, first_seed)
        for seed in range(first_seed, first_seed + arguments.seeds):
            test_dirty_seed(suite, seed)
        for seed in range(first_seed, first_seed + max(1, arguments.seeds // 4)):
            test_clean_seed(suite, seed)
    print(f"{suite.n_passed} passed, {suite.n_failed} failed")
    return 1 if suite.n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
