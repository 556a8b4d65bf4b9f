#!/usr/bin/env python3
"""The command line, from outside: arguments, exit statuses, streams, formats.

Usage: test_cli.py MEDALLION [NAME…]      (names of tests; default: all)
"""
import json
import os
import re
import signal
import subprocess
import sys
import time

from cli_support import (LINKS, MODELS, MOVIES, RATINGS, SNAPSHOTS, TIMEOUT_SECONDS, VIEWS, check, check_equal, check_fails,
                         csv_rows, environment, main, many_movies, many_ratings, run, run_in_terminal, run_well, start,
                         table_lines, width, without_colors, write_data)


COMMANDS = ["build", "test", "retry", "show", "ls", "describe", "diff", "audit", "runs", "history", "clone", "vacuum",
            "generate"]


# ---- help, version, usage --------------------------------------------------------------------------

def test_help(_):
    text = run_well("--help")
    check_equal(text.err, "")
    for command in COMMANDS:
        check(f"\n  {command} " in text.out, text)
        own = run_well(command, "--help")
        check(own.out.startswith(f"Usage: medallion {command}"), own)
        check_equal(own.err, "")
        check(all(len(line) <= 80 for line in own.out.splitlines()), own)
        check_equal(run_well(command, "-h").out, own.out)
    check_equal(run_well("-h").out, text.out)


def test_version(_):
    check(re.fullmatch(r"medallion \d+\.\d+\.\d+\n", run_well("--version").out), "odd version")


def test_usage_errors(folder):
    data = write_data(folder / "data")
    wrong = [
        ([], "Usage"),
        (["bild", data], "did you mean 'build'?"),
        (["--verison"], "unknown option"),
        (["xyzzy"], "unknown command 'xyzzy'"),
        (["build"], "missing argument"),
        (["show", "dim_movies"], "missing argument"),
        (["ls", "extra"], "unexpected argument 'extra'"),
        (["generate", folder / "a", folder / "b"], "unexpected argument"),
        (["build", data, "--ot", "x"], "did you mean '--out'?"),
        (["build", data, "--thread=2"], "did you mean '--threads'?"),
        (["build", data, "-q"], "unknown option '-q'"),
        (["build", data, "--select=dim_users", "--select", "dim_movies"], "--select is there twice: 'dim_users' and 'dim_movies'"),
        (["build", data, "--threads", "0"], "from 1"),
        (["build", data, "--threads", "two"], "not 'two'"),
        (["build", data, "--threads"], "--threads needs a value"),
        (["build", data, "--simd", "sse"], "avx2|scalar"),
        (["build", data, "--quiet=yes"], "--quiet takes no value"),
        (["build", data, "--on-error", "ignore"], "abort|skip"),
        (["build", data, "--memory-limit", "much"], "1.5GB"),
        (["build", data, "--select", "no_such_model"], "no_such_model"),
        (["show", "dim_movies", data, "--limit", "-1"], "from 0"),
        (["show", "dim_movies", data, "--limit", "99999999999999999999"], "not '99999999999999999999'"),
        (["show", "dim_movies", data, "--columns", "--where"], "--columns needs a value"),
        (["show", "dim_movies", data, "--format", "xml"], "table|csv|json"),
        (["show", "dim_movie", data], "did you mean 'dim_movies'?"),
        (["describe", "dim_movie"], "did you mean 'dim_movies'?"),
        (["show", "dim_movies", data, "--columns", "titel"], "did you mean 'title'?"),
        (["show", "dim_movies", data, "--columns", ","], "--columns"),
        (["show", "dim_movies", data, "--order-by", "nothing"], "--order-by", "nothing"),
        (["generate", folder / "a", "--scale", "-1"], "--scale"),
        ([folder / "a"], "unknown command"),
    ]
    for arguments, *words in wrong:
        check_fails(run(*arguments), 2, *words)


def test_where_errors_show_the_place(folder):
    data = write_data(folder)
    for where, column in (("year >", 7), ("year >= 1990 and titel = 'x'", 18), ("title = 'x", 9)):
        result = run("show", "dim_movies", data, "--where", where)
        check_fails(result, 2, "--where", where)
        check(re.search(rf"\bcolumn {column}\b", result.err), f"not at column {column}", result)


def test_option_forms(folder):
    data = write_data(folder)
    expected = run_well("show", "dim_users", data, "--format", "csv", "--limit", "2").out
    check_equal(expected, "user_id\n1\n2\n")
    for arguments in (
        ["show", "--format=csv", "--limit=2", "dim_users", data],
        ["show", "--limit", "2", "dim_users", "--format", "csv", data],
        ["show", "--limit=7", "--limit=2", "--format=csv", "--", "dim_users", data],
    ):
        check_equal(run_well(*arguments).out, expected)
    check_fails(run("show", "--", "dim_users", data, "--limit=2"), 3, "--limit=2")


# ---- build -----------------------------------------------------------------------------------------

def test_build_out(folder):
    data, out = write_data(folder / "data"), folder / "new" / "deep"
    result = run_well("build", data, "--out", out)
    check_equal(result.out, "")
    check_equal(sorted(path.name for path in out.iterdir()), [f"{name}.csv" for name in MODELS])
    check_equal((out / "dim_users.csv").read_text(), "user_id\n1\n2\n3\n4\n")
    check_equal((out / "fact_ratings.csv").read_text().splitlines()[1], "1,1,4.0,2000-07-30 18:45:03")
    again = run_well("build", data, "--out", out, "--quiet", "--threads=3")
    check_equal((again.out, again.err), ("", ""))
    for level in ["scalar", "avx2", "avx512"]:
        report, same = folder / "report.json", folder / level
        run_well("build", data, "--out", same, "--quiet", "--simd", level, "--json", report)
        used = json.loads(report.read_text())["simd"]
        check(used in ["scalar", "avx2", "avx512"][:["scalar", "avx2", "avx512"].index(level) + 1], (level, used))
        for name in MODELS:
            check_equal((same / f"{name}.csv").read_bytes(), (out / f"{name}.csv").read_bytes(), (level, name))


def test_run_lines(folder):
    result = run_well("build", write_data(folder, movies=many_movies(9)), "--out", folder / "out")
    lines = result.err.splitlines()
    check("\x1b" not in result.err and "\r" not in result.err, "control characters outside a terminal", result)
    entry = re.compile(r"\d\d:\d\d:\d\d +(\d+) of (\d+)  (\w+) +(?:(bronze|silver|gold) )?(\w+) .*\[ (.*) \]$")
    entries = [match.groups() for match in map(entry.match, lines) if match]
    check_equal(lines[-1], f"PASS={len(entries)} WARN=0 ERROR=0 SKIP=0 TOTAL={len(entries)}")
    check_equal(sorted(int(one[0]) for one in entries), list(range(1, len(entries) + 1)), result)
    check_equal({one[1] for one in entries}, {str(len(entries))}, result)
    loads = [one for one in entries if one[2] == "LOAD"]
    check_equal([one[4] for one in loads], ["movies", "ratings", "tags", "links"], result)
    check(re.fullmatch(r"9 rows in \d+\.\d\ds", loads[0][5]), result)
    models = [one for one in entries if one[2] == "OK"]
    check_equal(sorted(one[4] for one in models), sorted(MODELS + VIEWS), result)
    tests = [one for one in entries if one[2] == "PASS"]
    check(len(tests) == len(entries) - 16 and len(tests) > 40, result)
    check(any(re.match(rf"\S+  Finished 4 files, 12 models and {len(tests)} tests in ", line) for line in lines), result)
    check_equal({line.index("[ ") for line in lines if " .. " in line or ".. [" in line}.__len__(), 1, "not aligned", result)


def test_build_prints_marts(folder):
    data = write_data(folder)
    result = run_well("build", data)
    for mart in ("mart_movie_analytics", "mart_user_behavior", "mart_genre_performance"):
        check(mart in result.out, result)
    first_row = [line for line in result.out.splitlines() if line.startswith("│")][1]
    check("Toy Story (1995)" in first_row and "3.000" in first_row, "not the most rated movie", first_row)
    check(max(map(width, result.out.splitlines())) <= 100, "too wide", result)
    check_equal(run_well("build", data, "--quiet").out, "")


def test_select(folder):
    data, out = write_data(folder / "data"), folder / "out"
    result = run_well("build", data, "--out", out, "--select", "+fact_tags +mart_user_behavior",
                      "--exclude", "mart_user_behavior")
    check("TOTAL=" in result.err, result)
    check("mart_" not in result.err, result)
    check((out / "fact_tags.csv").exists() and not (out / "mart_user_behavior.csv").exists(), "wrong files")


def test_same_content_is_loaded_once(folder):
    data, report = write_data(folder / "data"), folder / "report.json"
    run_well("build", data, data, "--quiet", "--json", report)
    loads = json.loads(report.read_text())["loads"]
    check_equal([load["already_loaded"] for load in loads], [False] * 4 + [True] * 4)


def test_explain(folder):
    lines = run_well("build", write_data(folder), "--explain").err.splitlines()
    at = next(i for i, line in enumerate(lines) if "silver dim_users" in line)
    assert re.match(r" +\w[^:]*: .*\b4 rows, ", lines[at + 1]), lines[at + 1]
    assert any(line.strip().startswith("scan: ") for line in lines), lines
    assert not any(line.strip().startswith("scan: ")
                   for line in run_well("build", folder).err.splitlines())


def test_json_report(folder):
    data, report = write_data(folder / "data"), folder / "report.json"
    run_well("build", data, "--quiet", "--json", report, "--threads", "2")
    told = json.loads(report.read_text())
    check_equal((told["status"], told["error"], told["command"], told["threads"]),
                ("success", None, "build", 2))
    check_equal([(load["source"], load["rows"], load["rejected"]) for load in told["loads"]],
                [("movies", 7, 0), ("ratings", 7, 0), ("tags", 2, 0), ("links", 2, 0)])
    check_equal(told["loads"][0]["size_bytes"], len(MOVIES.encode()))
    check(re.fullmatch("[0-9a-f]{32}", told["loads"][0]["xxh3_128"]), told["loads"][0])
    models = {model["name"]: model for model in told["models"]}
    check_equal(sorted(models), sorted(MODELS + VIEWS))
    check_equal((models["dim_users"]["rows"], models["dim_users"]["status"]), (4, "success"))
    check(told["memory_peak_bytes"] > 0 and told["seconds"] >= 0, told)
    odd = write_data(folder / os.fsdecode(b'odd "\xff'))
    run_well("build", odd, "--quiet", "--json", report)
    check('odd "\ufffd/movies.csv' in json.loads(report.read_text(encoding="utf-8"))["loads"][0]["file"], "path")


def test_json_report_of_a_failure(folder):
    data = write_data(folder / "data", ratings=RATINGS + "2,4,five,1\r\n")
    report = folder / "report.json"
    check_fails(run("build", data, "--quiet", "--json", report), 1)
    error = json.loads(report.read_text())["error"]
    check_equal((error["line"], error["record"], error["column"], error["text"], error["offset_bytes"]),
                (9, 8, "rating", "five", len(RATINGS) + 4), error)
    check_fails(run("build", write_data(folder / "good"), "--quiet", "--json", "/dev/full", "--out",
                    folder / "out"), 3, "/dev/full")


# ---- what is refused -------------------------------------------------------------------------------

def test_files_that_are_missing(folder):
    data = write_data(folder / "data")
    check_fails(run("build", folder / "nowhere"), 3, "nowhere")
    check_fails(run("build", data / "movies.csv", folder / "ratings.csv"), 3, "ratings.csv")
    check_fails(run("build", data / "movies.csv"), 1, "no ratings file")
    check_fails(run("build", data / "ratings.csv"), 1, "no movies file")
    other = folder / "other.csv"
    other.write_text("a\n1\n")
    check_fails(run("build", data, other), 2, "other.csv")
    (folder / "empty").mkdir()
    check_fails(run("build", folder / "empty"), 2, "empty")


def test_bad_records(folder):
    data = write_data(folder, ratings=RATINGS + "9,1,4.0\r\n")
    result = run("build", data)
    check_fails(result, 1, "ratings.csv", "9")
    check_fails(run("show", "ratings", data), 1, "ratings.csv")
    data = write_data(folder, movies=MOVIES + "8,bad \xff\r\n".encode("latin-1").decode("latin-1"))
    data = write_data(folder, movies=MOVIES.encode() + b"8,bad \xff,Drama\r\n", ratings=RATINGS)
    check_fails(run("build", data), 1, "movies.csv", "title")


def test_empty_files(folder):
    check_fails(run("build", write_data(folder / "a", tags="")), 1, "tags.csv")
    check_fails(run("build", write_data(folder / "b", ratings="")), 1, "ratings.csv")
    data = write_data(folder / "c", tags="userId,movieId,tag,timestamp\n", links=None)
    check_equal(run_well("show", "fact_tags", data, "--format", "csv").out, "user_id,movie_id,tag,created_at\n")
    check_equal(run_well("show", "fact_tags", data, "--format", "json").out, "[]\n")
    check("0 rows" in run_well("show", "links", data).out, "no footer")
    check_fails(run("build", write_data(folder / "d", tags="userId,movieId,tag\n")), 1, "timestamp")


def test_skip(folder):
    bad = ["9,1,six,1445714996", "9,,4.0,1445714996"]
    data = write_data(folder / "data", ratings=RATINGS + "".join(row + "\r\n" for row in bad))
    out = folder / "out"
    result = run_well("build", data, "--out", out, "--on-error=skip")
    check(re.search(r"LOAD +bronze ratings .*7 rows.*2 rejected", result.err), result)
    rejects = csv_rows((out / "rejects.csv").read_text(encoding="utf-8"))
    check_equal([(row["line"], row["record"], row["column"], row["raw"]) for row in rejects],
                [("9", "8", "rating", bad[0]), ("10", "9", "movieId", bad[1])])
    check(all(row["file"].endswith("ratings.csv") and row["reason"] for row in rejects), rejects)
    check_fails(run("build", data, "--on-error=skip", "--max-errors=1"), 1, "ratings.csv")
    run_well("build", data, "--on-error=skip", "--max-errors=2", "--quiet")

    shown = run_well("show", "rejects", data, "--format", "json", "--columns", "line,text")
    check_equal([row["line"] for row in json.loads(shown.out)], [9, 10])
    check("2 bad records" in shown.err, shown)

    clean = write_data(folder / "clean")
    run_well("build", clean, "--out", out)
    check(not (out / "rejects.csv").exists(), "rejects of an earlier run are still there")
    check_equal(run_well("show", "rejects", clean, "--format=csv", "--columns", "line").out, "line\n")


def test_out_that_cannot_be_written(folder):
    data = write_data(folder / "data")
    check_fails(run("build", data, "--out", data / "movies.csv"), 3, "movies.csv")
    check_fails(run("build", data, "--out", data / "movies.csv" / "sub"), 3, "movies.csv")
    check_fails(run("build", data, "--out", "/proc/none"), 3, "/proc/none")


def test_memory_limit(folder):
    data = write_data(folder, movies=many_movies(), ratings=many_ratings())
    check_fails(run("build", data, "--quiet", "--memory-limit", "100 KB"), 3)
    run_well("build", data, "--quiet", "--memory-limit=1.5GB")


def test_model_that_fails(folder):
    """Some budget is enough for loading and too small for a model; which one is the library's business."""
    movies = "movieId,title,genres\n" + "".join(f"{i},Film {i * i} (1990),A|B|C|D|E|F\n" for i in range(1, 20001))
    data, out = write_data(folder / "data", movies=movies), folder / "out"
    for kilobytes in range(1000, 40000, 250):
        result = run("build", data, "--out", out, "--test-after=none", "--memory-limit", f"{kilobytes}KB")
        counts = re.search(r"^PASS=(\d+) WARN=0 ERROR=(\d+) SKIP=(\d+) TOTAL=16$", result.err, re.M)
        if counts:
            break
        check_fails(result, 3, "memory")
    n_passed, n_failed, n_skipped = map(int, counts.groups())
    check(n_failed >= 1 and n_passed + n_failed + n_skipped == 16, result)
    check_fails(result, 3, "memory budget")
    check_equal(len(re.findall(r"^ERROR ", result.err, re.M)), n_failed, result)
    check_equal(len(re.findall(r" of 16  SKIP  ", result.err)), n_skipped, result)
    check_equal(list(out.iterdir()), [], "a failed run has published something")


# ---- show ------------------------------------------------------------------------------------------

def test_show_csv_is_the_file_of_build(folder):
    data, out = write_data(folder / "data"), folder / "out"
    run_well("build", data, "--out", out, "--quiet")
    for model in MODELS:
        shown = run_well("show", model, data, "--format=csv", "--limit=0")
        check_equal(shown.out, (out / f"{model}.csv").read_text(encoding="utf-8"))
        check_equal(shown.err, "")
    sources = run_well("show", "movies", data, "--format=csv", "--limit=0")
    check_equal(sources.out.count("\n"), MOVIES.count("\n"))
    check_equal(run_well("show", "src_links", data, "--format=csv").out, LINKS.replace("\r", ""))


def test_show_rows_and_columns(folder):
    data = write_data(folder)
    result = run_well("show", "mart_movie_analytics", data, "--format", "csv", "--columns", "movie_id, total_ratings",
                      "--where", "total_ratings >= 1", "--order-by", "-total_ratings,movie_id")
    check_equal(result.out, "movie_id,total_ratings\n1,3\n3,2\n2,1\n4,1\n")
    result = run_well("show", "mart_movie_analytics", data, "--format=csv", "--columns=movie_id", "--order-by=-movie_id",
                      "--limit=3")
    check_equal(result.out, "movie_id\n7\n6\n5\n")
    result = run_well("show", "ratings", data, "--format=csv", "--columns=timestamp,rating", "--where=\"timestamp\" = 964981247")
    check_equal(result.out, "timestamp,rating\n964981247,3.5\n")
    result = run_well("show", "ratings", data, "--where", "rating >= 4", "--limit", "2")
    check_equal(result.out.splitlines()[-1], "2 of 4 rows")
    wide = write_data(folder / "many", movies=many_movies(), ratings=many_ratings())
    check_equal(run_well("show", "ratings", wide).out.splitlines()[-1], "20 of 80,000 rows")


def test_show_json(folder):
    data = write_data(folder)
    for model in ("movies", *MODELS):
        rows = json.loads(run_well("show", model, data, "--format=json", "--limit=0").out)
        texts = csv_rows(run_well("show", model, data, "--format=csv", "--limit=0").out)
        check_equal(len(rows), len(texts))
        for row, text in zip(rows, texts):
            check_equal(list(row), list(text))
            for name, value in row.items():
                told = "" if value is None else value if isinstance(value, str) else json.dumps(value)
                check_equal(told, text[name], f"{model}.{name}")
    movies = json.loads(run_well("show", "movies", data, "--format=json").out)
    check_equal((movies[5]["title"], movies[6]["title"], movies[6]["genres"]), (None, "", "Drama"))
    check_equal(movies[4]["title"], 'Zwei "halbe" Straßen')
    odd = write_data(folder / "odd", tags='userId,movieId,tag,timestamp\n1,1,"a\nb\tc\\d\x01e\x7f",1\n')
    check_equal(json.loads(run_well("show", "tags", odd, "--format=json").out)[0]["tag"], "a\nb\tc\\d\x01e\x7f")


def test_show_table(folder):
    data = write_data(folder, tags='userId,movieId,tag,timestamp\n1,1,"a\nb\x1b[31m\u202e",1\n1,2,,2\n1,3,"",3\n')
    result = run_well("show", "movies", data)
    lines = table_lines(result.out)
    check_equal(len({width(line) for line in lines}), 1, "lines differ in width", result)
    check_equal(len(lines), 7 + 4, result)
    check("│       1 │ Toy Story (1995) " in result.out, "numbers are not to the right", result)
    check("東京の夜" in result.out and "Amélie" in result.out, result)

    tags = run_well("show", "tags", data, "--columns", "tag")
    check_equal(len({width(line) for line in table_lines(tags.out)}), 1, tags)
    check("a\\nb\\x1b[31m\\u202e" in tags.out and "\x1b" not in tags.out, "not escaped", tags)
    cells = [line.strip("│").strip() for line in table_lines(tags.out)[3:-1]]
    check_equal(cells[1:], ["NULL", ""], "NULL and the empty string must differ", tags)

    plain = run_well("show", "movies", data, env=environment(LC_ALL="C"))
    check_equal(len({width(line) for line in table_lines(plain.out)}), 1, plain)
    check(plain.out.startswith("+-") and "│" not in plain.out and "東京の夜" in plain.out, plain)


def test_terminal(folder):
    data = write_data(folder)
    for columns in (200, 100, 60, 30):
        result = run_in_terminal("show", "mart_movie_analytics", data, columns=columns, NO_COLOR="1")
        check_equal(result.status, 0, result)
        check("\x1b[1m" not in result.out, "colors in spite of NO_COLOR", result)
        lines = table_lines(without_colors(result.out).replace("\r", ""))
        check_equal(len(lines), 7 + 4, result)
        check_equal(len({width(line) for line in lines}), 1, result)
        check(width(lines[0]) <= columns, f"wider than {columns}", result)
        check("…" in result.out and " of 20 columns" in result.out, result)
    fitted = run_in_terminal("show", "movies", data, columns=50, NO_COLOR="1")
    check("of 3 columns" not in fitted.out and "…" in fitted.out, "text was not shortened", fitted)
    check("\x1b[2mNULL" in run_in_terminal("show", "movies", data, columns=200).out, "NULL is not dim")
    check("\x1b[1m" not in run_in_terminal("show", "movies", data, "--no-color", columns=200).out, "colors")
    generated = folder / "generated"
    run_in_terminal("generate", generated, "--scale=0.05")
    bar = run_in_terminal("describe", "ratings", generated, columns=100)
    check(bar.out.split("\x1b[K")[-1].startswith("ratings (bronze, source)\n"), "the bar was left", bar)
    check("%" not in run_in_terminal("describe", "ratings", generated, "--no-progress").out, "a bar")
    colored = run_in_terminal("build", data, "--out", folder / "out")
    check("\x1b[32mOK" in colored.out and re.match(r"PASS=\d+ .* TOTAL=\d+$", colored.out.splitlines()[-1]), colored)


# ---- the rest --------------------------------------------------------------------------------------

def test_reader_that_stops(folder):
    data = write_data(folder, movies=many_movies(), ratings=many_ratings())
    for form in ("csv", "json", "table"):
        process = start("show", "ratings", data, "--limit=0", f"--format={form}",
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read().decode()
        process.stderr.close()
        check_equal((process.wait(TIMEOUT_SECONDS), err), (0, ""), form)
        check(first, "no first line")


def test_full_disk(folder):
    data = write_data(folder)
    commands = [["show", "ratings", data, f"--format={form}"] for form in ("csv", "json", "table")]
    commands += [["build", data], ["ls"], ["describe", "dim_movies"], ["--help"], ["--version"], ["ls", "--help"]]
    for command in commands:
        with open("/dev/full", "wb") as full:
            result = run(*command, stdout=full)
        check_equal(result.status, 3, command, result)
        check("No space left" in result.err, command, result)


def test_interrupt(folder):
    data = write_data(folder / "data", movies=many_movies(), ratings=many_ratings())
    blocked = start("show", "ratings", data, "--limit=0", "--format=csv",
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    blocked.stdout.read(1)  # it prints now; nobody reads on, so it must wait
    time.sleep(0.3)
    blocked.send_signal(signal.SIGINT)
    check_equal(blocked.wait(TIMEOUT_SECONDS), 3)
    check_equal(blocked.stderr.read().decode(), "medallion: interrupted\n")
    blocked.stdout.close()
    blocked.stderr.close()

    made = folder / "made"
    generating = start("generate", made, "--scale=20", "--quiet", stderr=subprocess.PIPE)
    while not (made.exists() and list(made.iterdir())) and generating.poll() is None:
        time.sleep(0.02)
    generating.send_signal(signal.SIGINT)
    check_equal(generating.wait(TIMEOUT_SECONDS), 3)
    check_equal(generating.stderr.read().decode(), "medallion: interrupted\n")
    check_equal(list(made.iterdir()), [], "files were left")
    generating.stderr.close()


def test_ls(_):
    models = json.loads(run_well("ls", "--format=json").out)
    names = [model["name"] for model in models]
    check_equal(sorted(names), sorted(["movies", "ratings", "tags", "links", *VIEWS, *MODELS, *SNAPSHOTS]))
    for model in models:
        check(all(names.index(ref) < names.index(model["name"]) for ref in model["refs"]), "not in build order", model)
        check(model["description"] and model["columns"], model)
        check(all(column["description"] and column["type"] for column in model["columns"]), model)
    table = run_well("ls").out
    check_equal(len(table_lines(table)), len(models) + 4, table)
    check_equal([re.match(r"│ (\w+)", line).group(1) for line in table_lines(table)[3:-1]], names)

    dot = run_well("ls", "--format", "dot").out
    check(re.fullmatch(r'digraph \w+ \{\n(  [^{}]*;\n)*\}\n', dot), "not DOT", dot)
    edges = set(re.findall(r'^  "(\w+)" -> "(\w+)";$', dot, re.M))
    check_equal(edges, {(ref, model["name"]) for model in models for ref in model["refs"]})


def test_describe(folder):
    data = write_data(folder)
    plain = run_well("describe", "mart_movie_analytics").out
    check(plain.startswith("mart_movie_analytics (gold, incremental)\n"), plain)
    check("built from: " in plain and "key: movie_id" in plain and "rows:" not in plain, plain)
    columns = [re.match(r"│ (\w+) +│ ([\w(),]+) ", line).groups() for line in table_lines(plain)[3:23]]
    check_equal(len(columns), 20)
    check(("avg_rating", "FLOAT64") in columns and ("min_rating", "DECIMAL(9,2)") in columns, columns)
    full = run_well("describe", "mart_movie_analytics", data).out
    check("rows: 7," in full and "encoding" in full and "bytes" in full, full)
    check(re.search(r"│ year +│ INT32 +│ +3 │ [\w-]+ +│ +\d+ │", full), full)
    check("rows: 7," in run_well("describe", "ratings", data).out, "not a source")


def test_generate(folder):
    one, other = folder / "one", folder / "other"
    quiet = run_well("generate", one, "--scale=0.001", "--quiet")
    check_equal((quiet.out, quiet.err), ("", ""))
    told = run_well("generate", other, "--scale", "0.001", "--seed=2")
    check(str(other) in told.err and told.out == "", told)
    check(sorted(path.name for path in one.iterdir()) == ["links.csv", "movies.csv", "ratings.csv", "tags.csv"], "files")
    check((one / "ratings.csv").read_bytes() != (other / "ratings.csv").read_bytes(), "the seed does nothing")
    run_well("build", one, "--quiet", "--out", folder / "out")
    check_fails(run("generate", one / "movies.csv" / "sub", "--scale=0.001"), 3)


if __name__ == "__main__":
    sys.exit(main(globals()))
