#!/usr/bin/env python3
"""The command line over a store: builds that go on, snapshots, versions, the log, audit.

Usage: test_store_commands.py MEDALLION [NAME…]      (names of tests; default: all)
"""
import fcntl
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

from cli_support import (LINKS, MODELS, MOVIES, RATINGS, SNAPSHOTS, TAGS, TIMEOUT_SECONDS, VIEWS, check, check_equal, check_fails,
                         csv_rows, main, many_movies, many_ratings, run, run_in_terminal, run_well, start, table_lines, width, write_data)

MONDAY, TUESDAY, WEDNESDAY = "2026-01-26 06:00:00", "2026-01-27 06:00:00", "2026-01-28 06:00:00"

# A day on which a user is new, a rating is late, one comes again with other stars, and a movie
# loses three genres that no other movie has.
DAY = {
    "27012026_ratings": "userId,movieId,rating,timestamp\n5,1,5.0,1769500000\n1,4,2.0,900000000\n1,1,1.0,964982703\n",
    "27012026_movies": "movieId,title,genres\n1,Toy Story (1995),Adventure|Comedy\n",
}


def write_day(folder):
    folder.mkdir()
    for name, text in DAY.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def make_store(folder, **keywords):
    """A store with one build in it, and the data that it is of."""
    data, store = write_data(folder / "data", **keywords), folder / "store"
    run_well("build", data, "--store", store, "--quiet", "--run-time", MONDAY)
    return data, store


def show(table, store, *options):
    return run_well("show", table, "--store", store, "--format=csv", "--limit=0", *options).out


def rows_of(command, store, *options):
    return json.loads(run_well(command, "--store", store, "--format=json", "--limit=0", *options).out)


def contents(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}


def everything_in(folder):
    return {str(path): path.read_bytes() for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file()}


# ---- building --------------------------------------------------------------------------------------

def test_a_store_gives_back_what_was_built(folder):
    data, out, store = write_data(folder / "data"), folder / "out", folder / "deep" / "store"
    store.parent.mkdir()
    result = run_well("build", data, "--store", store, "--out", out, "--run-time", MONDAY)
    check(re.search(r"Committed version 1 of \S+: [\d.]+ kB new, [\d.]+ kB in all", result.err), result)
    check_equal(sorted(path.stem for path in out.iterdir()), sorted(MODELS + SNAPSHOTS))
    for name in MODELS + SNAPSHOTS:
        check_equal(show(name, store), (out / f"{name}.csv").read_text(encoding="utf-8"), name)
    for name in ["movies", "ratings", *VIEWS]:
        check_equal(show(name, store), run_well("show", name, data, "--format=csv", "--limit=0").out, name)
    history = csv_rows(show("snap_mart_user_behavior", store))
    check_equal({(row["dbt_valid_from"], row["dbt_valid_to"], row["dbt_is_deleted"]) for row in history},
                {(MONDAY, "", "false")})
    check_equal([row["user_id"] for row in history], ["1", "2", "3", "4"])
    described = run_well("describe", "dim_users", "--store", store).out
    check("rows: 4," in described, described)


def test_the_same_again_changes_nothing(folder):
    data, store = make_store(folder)
    again = run_well("build", data, "--store", store, "--run-time", TUESDAY)
    check_equal(again.err.count("[ the same content was loaded before ]"), 4, again)
    rebuilt = run_well("build", "--store", store, "--quiet", "--run-time", WEDNESDAY)
    check_equal((rebuilt.out, rebuilt.err), ("", ""))
    for name in SNAPSHOTS:
        check_equal({row["dbt_valid_from"] for row in csv_rows(show(name, store))}, {MONDAY}, name)
    check_equal([row["rows"] for row in csv_rows(show("loads", store, "--columns=source,n_rows", "--where=state='loaded'")
                                                 .replace("n_rows", "rows"))], ["7", "7", "2", "2"])


def test_a_day_on_top_is_a_full_refresh(folder):
    data, store = make_store(folder)
    day, out, expected = write_day(folder / "day"), folder / "out", folder / "expected"
    result = run_well("build", day, "--store", store, "--out", out, "--run-time", TUESDAY)
    line = next(line for line in result.err.splitlines() if " silver fact_ratings " in line)
    check(re.search(r"incremental: .*\bnew 2, late 2, replaced 1\b", line), line)
    run_well("build", data, day, "--out", expected, "--quiet")
    for name in MODELS:
        check_equal((out / f"{name}.csv").read_bytes(), (expected / f"{name}.csv").read_bytes(), name)
    refreshed = folder / "refreshed"
    run_well("build", "--store", store, "--full-refresh", "--out", refreshed, "--quiet", "--run-time", WEDNESDAY)
    check_equal(contents(refreshed), contents(out))


def test_selection_takes_snapshots_too(folder):
    _, store = make_store(folder)
    result = run_well("build", "--store", store, "--select", "kind:snapshot", "--exclude", "snap_mart_movie*",
                      "--test-after=none", "--run-time", TUESDAY)
    names = re.findall(r"OK +snapshot (\w+)", result.err)
    check_equal(sorted(names), ["snap_mart_genre_performance", "snap_mart_user_behavior"], result)
    check_equal(result.err.splitlines()[-1], "PASS=2 WARN=0 ERROR=0 SKIP=0 TOTAL=2", result)


# ---- snapshots -------------------------------------------------------------------------------------

def test_diff_tells_what_a_build_does(folder):
    _, store = make_store(folder)
    day = write_day(folder / "day")
    before = everything_in(store)
    result = run_well("diff", "snap_mart_user_behavior", day, "--store", store, "--format=json")
    changes = json.loads(result.out)
    check_equal([(row["change"], row["user_id"], row["column"], row["old"], row["new"]) for row in changes],
                [("changed", 1, "total_ratings", "3", "4"), ("inserted", 5, None, None, None)], result)
    for words in ("1 inserted", "1 changed", "0 deleted", "3 unchanged"):
        check(re.search(rf"^ +{words}$", result.err, re.M), words, result)
    check_equal(everything_in(store), before, "diff has changed the store")

    genres = run_well("diff", "snap_mart_genre_performance", day, "--store", store, "--hard-deletes=invalidate",
                      "--format=csv", "--where=change = 'deleted'", "--columns=genres")
    check_equal(genres.out, "genres\nAnimation\nChildren\nFantasy\n")
    check(" 3 deleted" in genres.err and " 0 missing" in genres.err, genres)
    ignored = run_well("diff", "snap_mart_genre_performance", day, "--store", store)
    check(" 3 missing" in ignored.err and " 0 deleted" in ignored.err, ignored)
    check_equal(len({width(line) for line in table_lines(ignored.out)}), 1, ignored)

    run_well("build", day, "--store", store, "--quiet", "--run-time", TUESDAY)
    users = csv_rows(show("snap_mart_user_behavior", store))
    check_equal([(row["user_id"], row["total_ratings"], row["dbt_valid_from"], row["dbt_valid_to"])
                 for row in users if row["user_id"] in "15"],
                [("1", "3", MONDAY, TUESDAY), ("1", "4", TUESDAY, ""), ("5", "1", TUESDAY, "")])
    nothing = run_well("diff", "snap_mart_user_behavior", "--store", store, "--format=csv")
    check_equal(nothing.out.count("\n"), 1, nothing)
    check_fails(run("diff", "dim_users", "--store", store), 2, "dim_users is no snapshot")
    check_fails(run("diff", "snap_mart_users", "--store", store), 2, "no table 'snap_mart_users'")


def test_hard_deletes(folder):
    for mode in ("ignore", "invalidate", "new_record"):
        own = folder / mode
        own.mkdir()
        _, store = make_store(own)
        run_well("build", write_day(own / "day"), "--store", store, "--quiet", "--run-time", TUESDAY,
                 "--hard-deletes", mode)
        rows = [(row["dbt_valid_from"], row["dbt_valid_to"], row["dbt_is_deleted"])
                for row in csv_rows(show("snap_mart_genre_performance", store)) if row["genres"] == "Fantasy"]
        first = (MONDAY, "" if mode == "ignore" else TUESDAY, "false")
        check_equal(rows, [first] + [(TUESDAY, "", "true")] * (mode == "new_record"), mode)


def test_as_of(folder):
    _, store = make_store(folder)
    run_well("build", write_day(folder / "day"), "--store", store, "--quiet", "--run-time", TUESDAY)
    ratings = {}
    for time_of in ("2026-01-26 05:59:59", MONDAY, "2026-01-27T05:59:59", TUESDAY):
        rows = csv_rows(show("snap_mart_user_behavior", store, "--as-of", time_of))
        ratings[time_of] = {row["user_id"]: row["total_ratings"] for row in rows}
    before = {"1": "3", "2": "2", "3": "2", "4": "0"}
    check_equal(list(ratings.values()), [{}, before, before, {**before, "1": "4", "5": "1"}])
    check_fails(run("show", "mart_user_behavior", "--store", store, "--as-of", TUESDAY), 2, "--as-of is for snapshots",
                "--at-version")
    check_fails(run("show", "snap_mart_user_behavior", folder / "data"), 2, "--store")


# ---- versions --------------------------------------------------------------------------------------

def test_versions(folder):
    data, store = make_store(folder)
    first = {name: show(name, store) for name in MODELS + SNAPSHOTS}
    run_well("build", write_day(folder / "day"), "--store", store, "--quiet", "--run-time", TUESDAY)
    for name, text in first.items():
        check_equal(show(name, store, "--at-version=1"), text, name)
    check(show("fact_ratings", store) != first["fact_ratings"], "nothing has changed")
    check_equal(show("fact_ratings", store, "--at-version=2"), show("fact_ratings", store))

    versions = rows_of("history", store)
    check_equal([row["version"] for row in versions], [2, 1])
    check(all(0 < row["new_bytes"] <= row["size_bytes"] and row["message"] for row in versions), versions)
    check(versions[1]["message"].endswith(" inserted)") and "changed" in versions[0]["message"], versions)
    shown = run_well("history", "--store", store)
    check_equal(len(table_lines(shown.out)), 2 + 4, shown)
    check_fails(run("show", "fact_ratings", "--store", store, "--at-version", "9"), 2, "9")

    clone = folder / "clone"
    told = run_well("clone", clone, "--store", store)
    check(str(clone) in told.err, told)
    check_equal(show("snap_mart_user_behavior", clone), show("snap_mart_user_behavior", store))
    old = folder / "old"
    run_well("clone", old, "--store", store, "--at-version=1", "--quiet")
    check_equal(show("fact_ratings", old), first["fact_ratings"])
    check_fails(run("clone", clone, "--store", store), 2, str(clone))

    vacuumed = run_well("vacuum", "--store", store, "--keep", "1")
    check(re.search(r"Dropped 1 version, removed \d+ files?, freed [\d.]+ kB$", vacuumed.err), vacuumed)
    check_equal([row["version"] for row in rows_of("history", store)], [2])
    check_fails(run("show", "fact_ratings", "--store", store, "--at-version=1"), 2, "1")
    check_equal(show("fact_ratings", clone, "--at-version=1"), first["fact_ratings"])
    shutil.rmtree(store)
    check_equal(len(csv_rows(show("snap_mart_user_behavior", clone))), 6)
    run_well("build", data, "--store", clone, "--quiet", "--run-time", WEDNESDAY)


# ---- the log ---------------------------------------------------------------------------------------

def test_runs(folder):
    _, store = make_store(folder)
    run_well("test", "--store", store, "--quiet")
    run_well("build", write_day(folder / "day"), "--store", store, "--quiet", "--run-time", TUESDAY)
    runs = rows_of("runs", store)
    check_equal([(row["run_id"], row["command"], row["n_files"], row["n_loaded"]) for row in runs],
                [(3, "build", 2, 4), (2, "test", 0, 0), (1, "build", 4, 18)], runs)
    check(all(row["state"] in ("success", "warn") and row["n_error"] == 0 for row in runs), runs)
    check_equal(runs[0]["run_time"], TUESDAY)
    tasks = json.loads(run_well("runs", "3", "--store", store, "--format=json", "--limit=0").out)
    check_equal([task["task"] for task in tasks], list(range(1, len(tasks) + 1)))
    check_equal(len(tasks), runs[0]["n_total"])
    kinds = [task["kind"] for task in tasks]
    check_equal((kinds.count("load"), kinds.count("model"), kinds.count("snapshot")), (2, 12, 3))
    fact = next(task for task in tasks if task["name"] == "fact_ratings")
    check("late 2" in fact["details"] and fact["incremental"], fact)
    check_equal(len(json.loads(run_well("show", "run_tasks", "--store", store, "--format=json", "--limit=0").out)),
                sum(row["n_total"] for row in runs))
    shown = run_well("runs", "3", "--store", store, "--limit=0")
    check_equal(len(table_lines(shown.out)), len(tasks) + 4, shown)
    for words in (["4"], ["x"], ["0"]):
        check_fails(run("runs", *words, "--store", store), 2, words[0])
    check_fails(run("runs", "1", "2", "--store", store), 2, "unexpected argument '2'")


def test_rejects_are_kept(folder):
    data, store = write_data(folder / "data", ratings=RATINGS + "9,1,six,1\r\n"), folder / "store"
    run_well("build", data, "--store", store, "--quiet", "--on-error=skip")
    rejects = csv_rows(show("rejects", store))
    check_equal([(row["line"], row["column"], row["raw"]) for row in rejects], [("9", "rating", "9,1,six,1")])
    loads = csv_rows(show("loads", store))
    check_equal([row["n_rejected"] for row in loads], ["0", "1", "0", "0"], loads)
    out = folder / "out"
    run_well("build", "--store", store, "--out", out, "--quiet")
    check((out / "rejects.csv").exists(), "no rejects.csv")


def test_a_run_that_fails_and_its_retry(folder):
    """A run time before the last one is what a snapshot refuses, after all models are built."""
    data, store = make_store(folder)
    before = show("mart_user_behavior", store)
    failed = run("build", write_day(folder / "day"), "--store", store, "--run-time", "2026-01-01 00:00:00")
    check_fails(failed, 1, "ERROR", "snapshot snap_mart_user_behavior", "Committed version 2")
    check(re.search(r"^ERROR snap_mart_user_behavior \(gold snap_mart_user_behavior\)\n      .*2026-01-", failed.err,
                    re.M), failed)
    check(re.match(r"PASS=\d+ WARN=\d+ ERROR=3 SKIP=\d+ TOTAL=\d+$", failed.err.splitlines()[-1]), failed)
    check_equal(show("mart_user_behavior", store), before, "a failed run has published something")
    check_equal(csv_rows(show("runs", store))[-1]["state"], "error")
    check_equal(len(csv_rows(show("loads", store))), 6, "bronze of a failed run is gone")

    quiet = run("retry", "--store", store, "--quiet", "--run-time", "2026-01-01 00:00:00")
    check_fails(quiet, 1, "snap_mart_", "2026-01-")
    check_equal(quiet.err.count("\n"), 1, quiet)
    fast = run("retry", "--store", store, "--fail-fast", "--threads=1", "--run-time", "2026-01-01 00:00:00")
    check(fast.status == 1 and " ERROR=1 " in fast.err.splitlines()[-1], fast)
    retried = run_well("retry", "--store", store, "--run-time", TUESDAY, "--out", folder / "out")
    check("fact_ratings" not in re.sub(r"\S+_fact_ratings\S*", "", retried.err), "built again", retried)
    check_equal({row["command"] for row in rows_of("runs", store)[:3]}, {"retry"})
    run_well("build", data, folder / "day", "--out", folder / "expected", "--quiet")
    for name in MODELS:
        check_equal(show(name, store), (folder / "expected" / f"{name}.csv").read_text(encoding="utf-8"), name)
    check_equal(len(csv_rows(show("snap_mart_user_behavior", store))), 6)
    check_fails(run("retry", "--store", store), 1, "retry")


def start_build(data, store):
    """A build that cannot end before its lines are read: they do not fit the pipe."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    process = start("build", data, "--store", store, stdout=subprocess.DEVNULL, stderr=writer)
    os.close(writer)
    process.stderr = os.fdopen(reader, "rb")
    told = b""
    while b" OK " not in told:
        told += os.read(process.stderr.fileno(), 1024)
    return process, told


def end_build(process, told):
    told += process.stderr.read()
    process.stderr.close()
    return process.wait(TIMEOUT_SECONDS), told.decode()


def test_interrupt_is_logged(folder):
    data, store = write_data(folder / "data"), folder / "store"
    process, told = start_build(data, store)
    process.send_signal(signal.SIGINT)
    status, told = end_build(process, told)
    check_equal(status, 3, told)
    match = re.match(r"medallion: interrupted: (\d+) of (\d+) tasks were done, nothing was published; "
                     r"'medallion retry' goes on from there$", told.splitlines()[-1])
    check(match and 0 < int(match[1]) < int(match[2]), told)
    check_equal([row["state"] for row in rows_of("runs", store)], ["cancelled"])
    check_fails(run("show", "mart_user_behavior", "--store", store), 1, "mart_user_behavior")
    run_well("retry", "--store", store, "--quiet")
    check_equal(show("mart_genre_performance", store),
                run_well("show", "mart_genre_performance", data, "--format=csv", "--limit=0").out)


def test_interrupt_after_the_commit(folder):
    """The marts cannot be printed, as nobody reads them: the interrupt finds the run done."""
    data, store = write_data(folder / "data"), folder / "store"
    reader, writer = os.pipe()
    os.write(writer, b"x" * fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ))
    process = start("build", data, "--store", store, stdout=writer, stderr=subprocess.PIPE)
    told = b""
    while b"\nPASS=" not in told:
        told += os.read(process.stderr.fileno(), 1024)
    process.send_signal(signal.SIGINT)
    status, told = end_build(process, told)
    os.close(reader)
    os.close(writer)
    check_equal(status, 3, told)
    check_equal(told.splitlines()[-1], "medallion: interrupted when the run was done and published")
    check_equal([row["state"] for row in rows_of("runs", store)], ["warn"])


def test_kills(folder):
    """Processes that die at random instants leave the version before or after, and the next ones go on."""
    seed = int(os.environ.get("MDL_TEST_SEED", time.time_ns() % 2 ** 32))
    chance = random.Random(seed)
    header, *ratings = many_ratings().splitlines(keepends=True)
    data, store = write_data(folder / "data", movies=many_movies(), ratings=header + "".join(ratings[::5])), folder / "store"
    started = time.monotonic()
    run_well("build", data, "--store", store, "--quiet", "--run-time", "2026-01-01 00:00:00")
    seconds = time.monotonic() - started
    days = []
    for day in range(1, 5):
        days.append(folder / f"{day:02}012026_ratings.csv")
        # Some rows came before, or are yet to come, with other stars.
        repeats = [re.sub(r"\d\.5", "4.0", row) for row in chance.sample(ratings, 50)]
        days[-1].write_text(header + "".join(repeats + ratings[day::5]))
        arguments = ["build", days[-1], "--store", store, "--quiet", "--run-time"]
        for minute in range(3):
            process = start(*arguments, f"2026-01-0{1 + day} 00:0{minute}:00", stdout=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, seconds))
            process.kill()
            process.wait(TIMEOUT_SECONDS)
            run_well("audit", "--store", store, "--quiet")
            check_equal([row["version"] for row in rows_of("history", store)][-1], 1, f"seed {seed}")
        run_well(*arguments, f"2026-01-0{1 + day} 00:03:00")
    expected = folder / "expected"
    run_well("build", data, *days, "--out", expected, "--quiet")
    for name in MODELS:
        check_equal(show(name, store), (expected / f"{name}.csv").read_text(encoding="utf-8"), f"seed {seed}: {name}")
    check_equal([row["state"] for row in csv_rows(show("loads", store))].count("loaded"), 4 + len(days), f"seed {seed}")
    run_well("vacuum", "--store", store, "--keep=1", "--quiet")
    run_well("audit", "--store", store, "--quiet")


# ---- what is refused -------------------------------------------------------------------------------

def test_stores_that_are_missing(folder):
    data = write_data(folder / "data")
    for command in (["show", "dim_users"], ["build"], ["test"], ["history"], ["runs"], ["audit"], ["retry"],
                    ["vacuum", "--keep=1"], ["diff", "snap_mart_user_behavior"], ["clone", folder / "new"],
                    ["describe", "dim_users"]):
        check_fails(run(*command, "--store", folder / "nowhere"), 3, "nowhere")
        check(not (folder / "nowhere").exists(), "made by a command that only reads", command)
    check_fails(run("history", "--store", data), 3, str(data))
    check_fails(run("build", data, "--store", data / "movies.csv"), 2, "movies.csv")
    check_equal(sorted(contents(data)), ["links.csv", "movies.csv", "ratings.csv", "tags.csv"])


def test_a_damaged_store(folder):
    _, store = make_store(folder)
    largest = max((path for path in store.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    damaged = bytearray(largest.read_bytes())
    damaged[len(damaged) // 2] ^= 4
    largest.chmod(0o644)
    largest.write_bytes(damaged)
    check_fails(run("audit", "--store", store), 1, largest.name)


def test_a_damaged_old_version(folder):
    """The history tells the other versions, and what is wrong with this one."""
    _, store = make_store(folder)
    check_equal(run("build", "--store", store, "--quiet").status, 0)
    manifest = store / "versions" / "1.manifest"
    damaged = bytearray(manifest.read_bytes())
    damaged[20] ^= 4
    manifest.chmod(0o644)
    manifest.write_bytes(damaged)
    told = run("history", "--store", store, "--format", "json")
    check_equal(told.status, 1, told)
    check(manifest.name in told.err, told)
    rows = json.loads(told.out)
    check_equal([row["version"] for row in rows], [2, 1])
    check_equal([row["committed_at"] is None for row in rows], [False, True])
    check("damaged" in rows[1]["message"], rows[1])
    page = folder / "report.html"
    told = run("report", "--store", store, "--out", page)
    check_equal(told.status, 1, told)
    check(manifest.name in told.err, told)
    versions = json.loads(re.search(r'"versions": (\[.*?\])', page.read_text(), re.S).group(1))
    check_equal([version["version"] for version in versions], [1, 2])
    check_equal(versions[0]["message"], rows[1]["message"])
    check("committed_at" not in versions[0], versions[0])
    check_equal(versions[1]["message"], rows[0]["message"])


def test_one_writer_at_a_time(folder):
    data, store = make_store(folder)
    process, told = start_build(data, store)
    refused = run("build", "--store", store)
    check_fails(refused, 1, str(process.pid))
    check_equal(refused.err.count("\n"), 1, refused)
    check_equal(show("dim_users", store), "user_id\n1\n2\n3\n4\n", "a reader was blocked")
    check_equal(end_build(process, told)[0], 0)
    check_equal([row["version"] for row in rows_of("history", store)], [2, 1])


def test_usage(folder):
    data, store = folder / "data", folder / "store"
    wrong = [
        (["show", "dim_users", data, "--store", store], "not both"),
        (["test", data, "--store", store], "not both"),
        (["audit", data, "--store", store], "not both"),
        (["describe", "dim_users", data, "--store", store], "not both"),
        (["test"], "missing argument"),
        (["audit"], "missing argument"),
        (["history"], "history needs --store DIR"),
        (["runs"], "runs needs --store DIR"),
        (["retry"], "retry needs --store DIR"),
        (["clone", store], "clone needs --store DIR"),
        (["diff", "snap_mart_user_behavior", data], "diff needs --store DIR"),
        (["vacuum", "--store", store], "--keep N"),
        (["vacuum", "--store", store, "--keep", "0"], "from 1"),
        (["build", data, "--run-time", MONDAY], "--run-time needs --store DIR"),
        (["build", data, "--hard-deletes", "ignore"], "--hard-deletes needs --store DIR"),
        (["build", data, "--hard-delete", "ignore"], "did you mean '--hard-deletes'?"),
        (["build", data, "--store", store, "--hard-deletes", "all"], "ignore|invalidate|new_record"),
        (["build", data, "--store", store, "--run-time", "tomorrow"], "'2026-01-27 18:30:00', not 'tomorrow'"),
        (["build", data, "--store", store, "--run-time", "2026-02-30 00:00:00"], "not '2026-02-30 00:00:00'"),
        (["build", data, "--store", store, "--at-version", "1"], "unknown option '--at-version'"),
        (["show", "dim_users", data, "--at-version=1"], "--at-version needs --store DIR"),
        (["show", "dim_users", data, "--as-of", MONDAY], "--as-of needs --store DIR"),
        (["show", "runs", write_data(data)], "--store"),
        (["show", "run", data], "did you mean 'runs'?"),
        (["histroy", "--store", store], "did you mean 'history'?"),
    ]
    for arguments, *words in wrong:
        check_fails(run(*arguments), 2, *words)


# ---- audit -----------------------------------------------------------------------------------------

def test_audit(folder):
    odd = RATINGS.replace("4.0", "4.00").replace("\r\n", "\n", 3) + "\r\n" + '"9",01,2.5,7\n'
    data, out = write_data(folder / "data", ratings="\ufeff" + odd + "9,9,bad,9\n"), folder / "out"
    result = run_well("audit", data, "--on-error=skip", "--out", out)
    check_equal(result.out, "")
    check_equal(contents(out), contents(data))
    check("4 files written back byte for byte" in result.err, result)
    check_equal(len(re.findall(r"\d of 4  OK +bronze ", result.err)), 4, result)

    store = folder / "store"
    run_well("build", data, "--store", store, "--quiet", "--on-error=skip")
    shutil.rmtree(out)
    from_store = run_well("audit", "--store", store, "--out", out)
    check_equal(contents(out), contents(data))
    check("checksum" in from_store.err, from_store)
    check_equal(run_well("audit", "--store", store, "--quiet").err, "")


def test_loads(folder):
    data, store = make_store(folder, links=None)
    loads = csv_rows(show("loads", store))
    check_equal([(row["source"], row["state"], row["n_rows"], row["size_bytes"]) for row in loads],
                [("movies", "loaded", "7", str(len(MOVIES.encode()))), ("ratings", "loaded", "7", str(len(RATINGS))),
                 ("tags", "loaded", "2", str(len(TAGS.encode())))])
    check_equal([row["xxh3_128"] for row in loads],
                [row["xxh3_128"] for row in csv_rows(run_well("show", "loads", data, "--format=csv").out)])
    (data / "links.csv").write_bytes(LINKS.encode())
    run_well("build", data / "links.csv", "--store", store, "--quiet", "--run-time", TUESDAY)
    check_equal(show("src_links", store).replace("\n", "\r\n"), LINKS)


def test_terminal(folder):
    _, store = make_store(folder)
    for columns in (120, 80, 60):
        for command in (["runs"], ["runs", "1"], ["history"], ["show", "loads"], ["diff", "snap_mart_user_behavior"]):
            result = run_in_terminal(*command, "--store", store, columns=columns, NO_COLOR="1")
            lines = table_lines(result.out.replace("\r", ""))
            check_equal(result.status, 0, result)
            check_equal(len({width(line) for line in lines}), 1, result)
            check(width(lines[0]) <= columns, f"wider than {columns}", result)


if __name__ == "__main__":
    sys.exit(main(globals()))
