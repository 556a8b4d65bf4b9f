#!/usr/bin/env python3
"""medallion watch, from outside: real files, real kills, a server that plays Discord.

Usage: test_watch.py MEDALLION [NAME…]      (names of tests; default: all)
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "notify"), str(TESTS / "support")]
from discord_server import DiscordServer  # pylint: disable=wrong-import-position
from named_tests import check, run_tests  # pylint: disable=wrong-import-position

MEDALLION = ""
TIMEOUT_SECONDS = 120
TOKEN = "TOKEN-SECRET"
SOURCES = ("movies", "ratings", "tags", "links")
TABLES = ("movies", "ratings", "tags", "links", "fact_ratings", "fact_tags", "mart_movie_analytics",
          "mart_user_behavior", "mart_genre_performance")


# ---- running ----------------------------------------------------------------------------------------

def environment(**changes):
    result = {**os.environ, "LC_ALL": "C.UTF-8", **changes}
    if "MEDALLION_DISCORD_WEBHOOK_URL" not in changes:
        result.pop("MEDALLION_DISCORD_WEBHOOK_URL", None)
    return result


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def run(*arguments, env=None):
    done = subprocess.run([MEDALLION, *map(str, arguments)], capture_output=True,
                          stdin=subprocess.DEVNULL, env=env or environment(),
                          timeout=TIMEOUT_SECONDS, check=False)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def wait_until(condition, what):
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        check(time.monotonic() < deadline, f"{what}: it did not come to that")
        time.sleep(0.02)


class World:
    """A folder that is watched, and a store."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mdl-watch-")
        self.root = pathlib.Path(self.folder.name)
        self.inbox, self.store = self.root / "inbox", self.root / "store"
        self.inbox.mkdir()
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *arguments):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        self.folder.cleanup()

    def put(self, date, **texts):
        for source, text in texts.items():
            (self.inbox / f"{date}_{source}.csv").write_text(text, encoding="utf-8")

    def arguments(self, *options):
        return ["watch", self.inbox, "--store", self.store, "--threads", 2, "--no-color", *options]

    def once(self, *options, env=None):
        return run(*self.arguments("--once", *options), env=env)

    def once_well(self, *options, env=None):
        result = self.once(*options, env=env)
        check(result.status == 0, result)
        return result

    def start(self, *options):
        log = open(self.root / "log", "ab")  # pylint: disable=consider-using-with
        process = subprocess.Popen([MEDALLION, *map(str, self.arguments(*options))], stderr=log,
                                   stdin=subprocess.DEVNULL, env=environment())
        log.close()
        self.processes.append(process)
        return process

    def log(self):
        return (self.root / "log").read_text(encoding="utf-8")

    def names(self, folder):
        path = self.inbox / folder
        return sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []

    def waiting(self):
        return sorted(entry.name for entry in self.inbox.iterdir() if entry.is_file())

    def table(self, name):
        result = run("show", name, "--store", self.store, "--limit", 0, "--format", "csv")
        check(result.status == 0, result)
        return result.out

    def tables(self):
        return {name: self.table(name) for name in TABLES}


def end(process, signal_number=signal.SIGTERM):
    process.send_signal(signal_number)
    status = process.wait(TIMEOUT_SECONDS)
    check(status == 0, f"ended with {status}")


# ---- data -------------------------------------------------------------------------------------------

def day(number, n_users=3):
    """Four small files that differ from day to day."""
    movies = "".join(f"{10 * number + i + 1},Movie {number}-{i} ({1990 + number}),Drama|War\n" for i in range(3))
    ratings = "".join(f"{user},{10 * number + i + 1},{1 + (user + i) % 4}.5,{1600000000 + 86400 * number + i}\n"
                      for user in range(1, n_users + 1) for i in range(3))
    return {
        "movies": "movieId,title,genres\n" + movies,
        "ratings": "userId,movieId,rating,timestamp\n" + ratings,
        "tags": f"userId,movieId,tag,timestamp\n1,{10 * number + 1},tag {number},{1600000000 + number}\n",
        "links": f"movieId,imdbId,tmdbId\n{10 * number + 1},00{number},{number}\n",
    }


DATES = [f"{n:02d}012026" for n in range(1, 32)]


def expected_tables(days):
    """What one build of all files, given in order, makes of them."""
    with World() as world:
        paths = []
        for number in days:
            world.put(DATES[number], **day(number))
            paths += [world.inbox / f"{DATES[number]}_{source}.csv" for source in SOURCES]
        result = run("build", *paths, "--store", world.store, "--quiet")
        check(result.status == 0, result)
        return world.tables()


def check_tables(world, days):
    expected, found = expected_tables(days), world.tables()
    for name in TABLES:
        check(found[name] == expected[name], f"{name} differs", found[name], expected[name])


# ---- once -------------------------------------------------------------------------------------------

def test_once_builds_what_is_there():
    with World() as world:
        for number in (2, 0, 1):
            world.put(DATES[number], **day(number))
        result = world.once_well()
        dates = [result.err.index(f"Files of 2026-01-0{n}") for n in (1, 2, 3)]
        check(dates == sorted(dates), result)
        check(not world.waiting(), world.waiting())
        check(len(world.names("processed")) == 12, world.names("processed"))
        check_tables(world, range(3))
        check("Files of" not in world.once_well().err)


def test_once_leaves_what_is_not_due():
    with World() as world:
        files = day(0)
        world.put(DATES[0], movies=files["movies"], ratings=files["ratings"])
        world.once_well()
        check(len(world.waiting()) == 2, world.waiting())
        result = world.once_well("--batch-wait", 0)
        check("did not come: tags, links" in result.err, result)
        check(not world.waiting(), world.waiting())
        world.put(DATES[0], tags=files["tags"], links=files["links"])
        world.once_well("--batch-wait", 0)
        check_tables(world, [0])


def test_a_bad_file_is_rejected_and_the_others_load():
    with World() as world:
        files = day(0)
        world.put(DATES[0], **files)
        world.put(DATES[0], tags="userId,movieId,tag,timestamp\n1,1,ok,5\n1,x,bad,5\n")
        result = world.once()
        check(result.status == 1, result)
        check("was refused" in result.err, result)
        check(world.names("rejected") == [f"{DATES[0]}_tags.csv", f"{DATES[0]}_tags.csv.report.txt"],
              world.names("rejected"))
        report = (world.inbox / "rejected" / f"{DATES[0]}_tags.csv.report.txt").read_text("utf-8")
        check("line: 3\nrecord: 2\ncolumn: movieId\n" in report and "text: x\n" in report, report)
        check(len(world.names("processed")) == 3, world.names("processed"))
        check(world.table("tags").count("\n") == 1)
        world.put(DATES[0], tags=files["tags"])  # mended
        world.once_well("--batch-wait", 0)
        check_tables(world, [0])


def test_skipped_records_are_no_reason_to_reject():
    with World() as world:
        world.put(DATES[0], **day(0))
        world.put(DATES[0], tags=day(0)["tags"] + "1,x,bad,5\n")
        world.once_well("--on-error", "skip")
        check(len(world.names("processed")) == 4)
        check_tables(world, [0])


def test_an_impossible_date_is_rejected():
    with World() as world:
        world.put("31022026", **day(0))
        result = world.once_well()
        check("31022026_movies.csv rejected" in result.err, result)
        check(len(world.names("rejected")) == 8, world.names("rejected"))


def test_the_same_content_is_not_loaded_twice():
    with World() as world:
        for _ in range(2):
            world.put(DATES[0], **day(0))
            world.once_well()
        check(f"{DATES[0]}_ratings.csv.2" in world.names("processed"), world.names("processed"))
        check_tables(world, [0])


def test_kept_files_are_not_loaded_twice():
    with World() as world:
        world.put(DATES[0], **day(0))
        for _ in range(2):
            world.once_well("--keep")
            check(len(world.waiting()) == 4 and not world.names("processed"))
        check_tables(world, [0])


def test_usage():
    with World() as world:
        check(run("watch", world.inbox).status == 2)
        check(run("watch", world.root / "none", "--store", world.store, "--once").status == 3)
        check(world.once("--batch-wait", "-1").status == 2)


def test_a_run_that_fails_keeps_what_it_loaded():
    with World() as world, DiscordServer("check") as server:
        world.put(DATES[0], **day(0))
        world.once_well()
        before = world.tables()
        world.put(DATES[1], **day(1))
        # Snapshots cannot be taken before their last change.
        result = world.once("--run-time", "2001-01-01 00:00:00", "--notify-discord", server.url())
        check(result.status == 1, result)
        check(len(world.names("processed")) == 8 and not world.waiting(), world.waiting())
        check(world.table("ratings").count("\n") == 19, "what was loaded is not kept")
        for name in ("fact_ratings", "mart_movie_analytics"):
            check(world.table(name) == before[name], f"{name} was published")
        check("failed" in embed_of(server)["title"], embed_of(server))
        names = [field["name"] for field in embed_of(server)["fields"]]
        check("snapshot snap\\_mart\\_user\\_behavior" in names, names)
        world.put(DATES[2], **day(2))
        world.once_well()
        check_tables(world, range(3))


# ---- on and on --------------------------------------------------------------------------------------

def test_files_are_built_as_they_come():
    with World() as world:
        process = world.start()
        files = day(0)
        slow = open(world.inbox / f"{DATES[0]}_ratings.csv", "w", encoding="utf-8")
        with slow:
            half = len(files["ratings"]) // 2
            slow.write(files["ratings"][:half])
            slow.flush()
            world.put(DATES[0], links=files["links"], tags=files["tags"])
            (world.inbox / "part").write_text(files["movies"], encoding="utf-8")
            (world.inbox / "part").rename(world.inbox / f"{DATES[0]}_movies.csv")
            time.sleep(0.3)
            check(not world.names("processed"), world.log())
            slow.write(files["ratings"][half:])
        wait_until(lambda: len(world.names("processed")) == 4, world.log)
        world.put(DATES[1], **day(1))
        wait_until(lambda: len(world.names("processed")) == 8, world.log)
        end(process)
        check_tables(world, range(2))


def test_it_ends_at_once_when_idle():
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        with World() as world:
            process = world.start()
            world.put(DATES[0], **day(0))
            wait_until(lambda: len(world.names("processed")) == 4, "the first batch")
            started = time.monotonic()
            end(process, signal_number)
            check(time.monotonic() - started < 10)


def test_the_store_is_free_between_batches():
    with World() as world:
        process = world.start()
        world.put(DATES[0], **day(0))
        wait_until(lambda: len(world.names("processed")) == 4, "the first batch")

        def build_works():
            return run("build", "--store", world.store, "--quiet").status == 0
        wait_until(build_works, "another writer")
        end(process)


def test_a_folder_that_goes_away_is_told():
    with World() as world:
        process = world.start()
        wait_until(lambda: "watching" in world.log(), "a start")
        world.inbox.rename(world.root / "elsewhere")
        check(process.wait(TIMEOUT_SECONDS) == 3)
        check("was removed or moved" in world.log(), world.log())
        world.inbox.mkdir()


# ---- killed -----------------------------------------------------------------------------------------

def test_nothing_is_lost_or_doubled_by_kills():
    """Kills the watch at random instants while files come in, then lets it end its work."""
    seed = int(os.environ.get("MDL_TEST_SEED", time.time()))
    print(f"MDL_TEST_SEED={seed}", flush=True)
    chance = random.Random(seed)
    with World() as world:
        n_days = 8
        for number in range(n_days):
            process = world.start()
            time.sleep(chance.random() * 0.2)
            names = list(day(number).items())
            chance.shuffle(names)
            for source, text in names:
                world.put(DATES[number], **{source: text})
                time.sleep(chance.random() * 0.05)
            time.sleep(chance.random() * 0.6)
            process.send_signal(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
            status = process.wait(TIMEOUT_SECONDS)
            check(status in (0, -signal.SIGKILL), status, world.log())
        world.once_well()
        check(not world.waiting(), world.waiting())
        check(len(world.names("processed")) == 4 * n_days, world.names("processed"))
        check_tables(world, range(n_days))


def test_a_full_disk_is_survived():
    with World() as world:
        world.store.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(world.store)]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            print("skipped: no right to mount")
            return
        try:
            world.put(DATES[0], **day(0, n_users=4000))
            result = world.once()
            check(result.status == 3 and "space" in result.err.lower(), result)
            check(len(world.waiting()) == 4, world.waiting())
            subprocess.run(["mount", "-o", "remount,size=64m", str(world.store)], check=True)
            world.once_well()
            check(not world.waiting(), world.waiting())
            check(world.table("ratings").count("\n") == 12001)
        finally:
            subprocess.run(["umount", str(world.store)], check=True)


# ---- notifications ----------------------------------------------------------------------------------

def embed_of(server):
    check(not server.faults, server.faults)
    return json.loads(server.requests[-1].body)["embeds"][0]


def text_of(server):
    return "\n".join(field["value"] for field in embed_of(server)["fields"])


def test_runs_are_told():
    with World() as world, DiscordServer("check") as server:
        world.put(DATES[0], **day(0))
        result = world.once_well("--notify-discord", server.url(), "--notify-on", "always")
        check(len(server.requests) == 1 and "medallion watch" in embed_of(server)["title"], result)
        check(TOKEN not in result.err, result)


def test_only_what_is_wanted_is_told():
    with World() as world, DiscordServer("check") as server:
        env = environment(MEDALLION_DISCORD_WEBHOOK_URL=server.url())
        world.put(DATES[0], **day(0))
        world.once_well(env=env)
        check(not server.requests, "a good run is told")
        files = day(1)
        del files["links"]
        world.put(DATES[1], **files)
        world.once_well("--batch-wait", 0, "--notify-on", "warning", env=env)
        check("did not come\\: links" in text_of(server), embed_of(server))
        world.put(DATES[2], tags="not a header\n")
        result = world.once("--batch-wait", 0, env=env)
        check(result.status == 1 and len(server.requests) == 2, result)
        check("was refused" in text_of(server), embed_of(server))


def test_a_webhook_gets_the_results():
    with World() as world, DiscordServer((200, {}, "")) as server:
        options = ("--notify-webhook", server.url(), "--notify-on", "always")
        world.put(DATES[0], **day(0))
        world.once_well(*options)
        results = json.loads(server.requests[0].body)
        check("run-results/v6" in results["metadata"]["dbt_schema_version"], results["metadata"])
        check({result["status"] for result in results["results"]} == {"success", "pass"}, results)
        none = run("build", world.inbox / "none", *options)
        check(none.status == 3, none)
        check("none" in json.loads(server.requests[1].body)["error"]["message"], server.requests[1].body)


def test_a_notification_that_fails_changes_nothing():
    with World() as world, DiscordServer((404, {}, "")) as server:
        world.put(DATES[0], **day(0))
        result = world.once_well("--notify-discord", server.url(), "--notify-on", "always")
        check("did not go out" in result.err and "HTTP 404" in result.err, result)
        check(TOKEN not in result.err, result)
        check(not world.waiting())


def test_a_url_that_cannot_be_is_told_at_once():
    with World() as world:
        world.put(DATES[0], **day(0))
        for option in ("--notify-discord", "--notify-webhook"):
            result = run("watch", world.inbox, "--store", world.store, "--once", option, "http://example.com/" + TOKEN)
            check(result.status == 2 and option in result.err and "http://example.com/…" in result.err, result)
            check(TOKEN not in result.err and world.waiting(), result)
        # A variable that other programs use too stops nothing.
        result = world.once_well(env=environment(MEDALLION_DISCORD_WEBHOOK_URL="no URL " + TOKEN))
        check("there will be no notification" in result.err and TOKEN not in result.err, result)
        check(not world.waiting())


if __name__ == "__main__":
    MEDALLION = sys.argv[1]
    sys.exit(run_tests(globals()))
