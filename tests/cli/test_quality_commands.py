#!/usr/bin/env python3
"""The command line and data quality tests: what runs, what fails, and how it is told.

Usage: test_quality_commands.py MEDALLION [NAME…]      (names of tests; default: all)
"""
import json
import pathlib
import re
import sys

from cli_support import (MODELS, MOVIES, RATINGS, VIEWS, check, check_equal, check_fails, csv_rows, main, run, run_in_terminal,
                         run_well, table_lines, without_colors, write_data)

# Two ratings out of range, one of a movie that is not there.
BAD_RATINGS = RATINGS + "3,1,7.5,1306464276\r\n3,3,0.0,1306464277\r\n3,99,3.0,1306464278\r\n"
OUT_OF_RANGE = [("3", "1", "7.5"), ("3", "3", "0.0")]


def write_good(folder, **contents):
    """Data that no test has anything to say about, but for `contents`."""
    return write_data(folder, **{"movies": MOVIES.replace("6,,\r\n", ""), **contents})


def declared_tests(*tables):
    models = json.loads(run_well("ls", "--format=json").out)
    return [test for model in models for test in model["tests"] if not tables or model["name"] in tables]


def names_of(kind, table, column):
    """The names of the declared tests of that kind on that column."""
    return [test["name"] for test in declared_tests(table) if (test["kind"], test["columns"]) == (kind, column)]


def told_tests(text, state=r"PASS|WARN \d+|FAIL \d+"):
    return re.findall(rf"^\d\d:\d\d:\d\d +\d+ of \d+  (?:{state}) +(\w+) ", text, re.M)


def test_every_declared_test_runs(folder):
    data = write_data(folder)
    declared = {test["name"] for test in declared_tests()}
    tables = {model["name"] for model in json.loads(run_well("ls", "--format=json").out)
              if model["kind"] != "snapshot"}
    of_tables = {test["name"] for test in declared_tests(*tables)}
    check(len(declared) == len(declared_tests()) > 50, "names are not unique, or too few")
    alone = run_well("test", data)
    check_equal(set(told_tests(alone.err)), of_tables, alone)
    check_equal(alone.out, "")
    for mode in ("each", "all"):
        built = run_well("build", data, "--out", folder / "out", f"--test-after={mode}")
        check_equal(set(told_tests(built.err)), of_tables, built)
    models = [int(number) for number in re.findall(r" (\d+) of \d+  OK ", built.err)]
    tests = [int(number) for number in re.findall(r" (\d+) of \d+  (?:PASS|WARN)", built.err)]
    check(max(models) < min(tests), "tests stand among the models", built)
    none = run_well("build", data, "--out", folder / "out", "--test-after=none")
    check_equal(told_tests(none.err), [], none)


def test_describe_lists_tests(_):
    text = run_well("describe", "mart_movie_analytics").out
    for test in declared_tests("mart_movie_analytics"):
        check(re.search(rf"│ {test['name']} +│ {test['severity']} +│ ", text), test, text)
    check("'Highly Popular'" in text, text)
    check("tests" in run_well("ls").out, "no tests")


def test_warnings(folder):
    data = write_good(folder / "data", ratings=BAD_RATINGS)
    result = run_well("build", data, "--out", folder / "out")
    in_range, = names_of("accepted_range", "ratings", "rating")
    known, = names_of("relationships", "ratings", "movieId")
    check_equal(told_tests(result.err, "WARN 2"), [in_range], result)
    check_equal(told_tests(result.err, "WARN 1"), [known], result)
    for name, n_failing in ((in_range, "2 of 10 rows failed"), (known, "1 of 10 rows failed")):
        check(re.search(rf"^WARN  {name} \(bronze ratings\)\n(      .*\n)?      {n_failing}\n", result.err, re.M), result)
    check("--show-failures" in result.err, "does not say how to see the rows", result)
    check(re.match(r"PASS=\d+ WARN=2 ERROR=0 SKIP=0 TOTAL=\d+$", result.err.splitlines()[-1]), result)
    quiet = run_well("build", data, "--quiet")
    check_equal((quiet.out, quiet.err), ("", ""))


def test_failing_rows(folder):
    data, failures = write_good(folder / "data", ratings=BAD_RATINGS), folder / "new" / "failures"
    in_range, = names_of("accepted_range", "ratings", "rating")
    known, = names_of("relationships", "ratings", "movieId")
    shown = run_well("test", data, "--show-failures", "--quiet")
    check_equal(shown.err, "")
    check_equal([line for line in shown.out.splitlines() if re.match(r"\w+: ", line)],
                [f"{in_range}: 2 of ratings", f"{known}: 1 of ratings"], shown)
    check_equal(len(table_lines(shown.out)), 2 + 4 + 1 + 4, shown)

    stored = run_well("test", data, "--store-failures", failures)
    check_equal(sorted(path.stem for path in failures.iterdir()), sorted([in_range, known]))
    rows = csv_rows((failures / f"{in_range}.csv").read_text())
    check_equal([(row["userId"], row["movieId"], row["rating"]) for row in rows], OUT_OF_RANGE)
    check(f"rows: {failures}/{in_range}.csv" in stored.err and "--show-failures" not in stored.err, stored)

    clean = write_good(folder / "clean")
    run_well("build", clean, "--quiet", "--store-failures", failures)
    check_equal(list(failures.iterdir()), [], "rows of an earlier run are still there")
    check_fails(run("test", clean, "--store-failures", data / "movies.csv"), 3, "movies.csv")


def test_many_failing_rows(folder):
    """All are counted and written, the first are shown."""
    rows = "".join(f"{user},1,9.0,{user}\r\n" for user in range(1, 41))
    data, failures = write_good(folder / "data", ratings=RATINGS + rows), folder / "failures"
    in_range, = names_of("accepted_range", "ratings", "rating")
    shown = run_well("test", data, "--show-failures", "--store-failures", failures, "--select", "ratings")
    check(f"{in_range}: 40 of ratings" in shown.out and "10 of 40 rows" in shown.out, shown)
    check_equal(len(csv_rows((failures / f"{in_range}.csv").read_text())), 40)
    check(set(told_tests(shown.err)) == {test["name"] for test in declared_tests("ratings")}, shown)


def test_of_a_store(folder):
    data, store = write_good(folder / "data", ratings=BAD_RATINGS), folder / "store"
    run_well("build", data, "--store", store, "--quiet")
    in_range, = names_of("accepted_range", "ratings", "rating")
    result = run_well("test", "--store", store)
    left_out = {test["name"] for test in declared_tests()} - set(told_tests(result.err))
    check(all(name.startswith("snap_") and "_key" in name for name in left_out), left_out)  # need a run's mode
    check("LOAD" not in result.err, result)
    failing = json.loads(run_well("show", "run_tasks", "--store", store, "--format=json", "--limit=0", "--where",
                                  "run_id = 2 and state = 'warn'").out)
    check_equal([(task["name"], task["n_failures"]) for task in failing][0], (in_range, 2), failing)
    old = run_well("test", "--store", store, "--at-version=1", "--select=snap_mart_user_behavior")
    check(told_tests(old.err) and all("snap_mart_user_behavior" in name for name in told_tests(old.err)), old)
    check_equal(len(json.loads(run_well("runs", "--store", store, "--format=json").out)), 2)
    check_fails(run("test", "--store", store, "--select", "no_such"), 2, "no_such")


def test_errors(folder):
    """Facts that were built without the marts: their sums no longer are those of the marts."""
    data, store, day = write_good(folder / "data"), folder / "store", folder / "27012026_ratings.csv"
    run_well("build", data, "--store", store, "--quiet", "--run-time", "2026-01-26 06:00:00")
    day.write_text("userId,movieId,rating,timestamp\n1,4,2.0,900000000\n")
    run_well("build", day, "--store", store, "--quiet", "--select=+fact_ratings")
    sums = [test["name"] for test in declared_tests() if test["kind"] == "sum_equal" and "fact_ratings" in test["name"]]
    failures = folder / "failures"
    result = run("test", "--store", store, "--store-failures", failures)
    check_fails(result, 1, "the sum is 7, but the number of rows of fact_ratings is 8", f"rows: {failures}/{sums[0]}.csv")
    check_equal(sorted(told_tests(result.err, "FAIL 1")), sorted(sums), result)
    check(f" WARN=0 ERROR={len(sums)} SKIP=0 " in result.err.splitlines()[-1], result)
    check_equal(sorted(path.stem for path in failures.iterdir()), sorted(sums))
    row, = csv_rows((failures / f"{sums[0]}.csv").read_text())
    check_equal(sorted(row.values()), ["7", "8"], row)
    quiet = run("test", "--store", store, "--quiet")
    check_fails(quiet, 1, "the sum is 7, ")
    check_equal(quiet.err.count("\n"), 1, quiet)
    run_well("build", "--store", store, "--quiet")
    run_well("test", "--store", store, "--quiet")


def test_json_report(folder):
    data, report = write_good(folder / "data", ratings=BAD_RATINGS), folder / "report.json"
    run_well("test", data, "--quiet", "--json", report)
    told = json.loads(report.read_text())
    warned = {test["name"]: (test["table"], test["failures"], test["severity"]) for test in told["tests"]
              if test["status"] == "warn"}
    in_range, = names_of("accepted_range", "ratings", "rating")
    known, = names_of("relationships", "ratings", "movieId")
    check_equal(warned, {in_range: ("ratings", 2, "warn"), known: ("ratings", 1, "warn")})
    check_equal((told["counts"]["warn"], told["counts"]["error"]), (2, 0))
    run_well("build", data, "--quiet", "--json", report)
    built = json.loads(report.read_text())
    check_equal(len(built["tests"]) + len(built["models"]) + len(built["loads"]), built["counts"]["total"])


def test_lines_are_aligned(folder):
    data = write_good(folder, ratings=BAD_RATINGS)
    for columns in (None, 160, 100, 70):
        result = run_well("test", data) if columns is None else run_in_terminal("test", data, "--no-progress", columns=columns)
        text = without_colors(result.err + result.out).replace("\r", "")
        lines = [line for line in text.splitlines() if re.search(r"^\d\d:\d\d:\d\d +\d+ of \d+", line)]
        check(len(lines) > 50, result)
        fitting = [line for line in lines if columns is not None or " .." in line]  # a log has names in full
        check_equal(len({line.index("[ ") for line in fitting}), 1, f"not aligned at {columns}", text)
        check(columns is None or columns < 80 or max(map(len, lines)) <= columns, "too wide", text)
    check("\x1b" not in run_in_terminal("test", data, TERM="dumb").out, "control sequences for a terminal that knows none")
    colored = run_in_terminal("test", data, columns=100)
    check("\x1b[33mWARN 2" in colored.out and "\x1b[32mPASS" in colored.out, colored)


if __name__ == "__main__":
    sys.exit(main(globals()))
