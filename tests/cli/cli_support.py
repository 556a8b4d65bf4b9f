"""What the tests of the command line share: running it, checking what it says, small data."""
import csv
import fcntl
import io
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import traceback
import unicodedata

MEDALLION = ""
TIMEOUT_SECONDS = 120

MOVIES = """movieId,title,genres\r
1,Toy Story (1995),Adventure|Animation|Children|Comedy|Fantasy\r
2,"American President, The (1995)",Comedy|Drama|Romance\r
3,東京の夜 (2001),Drama\r
4,Le fabuleux destin d'Amélie Poulain (2001),Comedy|Romance\r
5,"Zwei ""halbe"" Straßen",(no genres listed)\r
6,,\r
7,"","Drama"\r
"""

RATINGS = """userId,movieId,rating,timestamp\r
1,1,4.0,964982703\r
1,2,3.5,964981247\r
1,3,5.0,964982224\r
2,1,4.5,1445714835\r
2,3,4.0,1445714885\r
3,1,0.5,1306463578\r
3,4,3.0,1306464275\r
"""

TAGS = """userId,movieId,tag,timestamp\r
2,1,funny,1445714994\r
4,3,"über, schön",1445714996\r
"""

LINKS = """movieId,imdbId,tmdbId\r
1,0114709,862\r
3,0245712,\r
"""

MODELS = [
    "dim_movies", "dim_users", "fact_movie_genre_ratings", "fact_ratings", "fact_tags",
    "mart_genre_performance", "mart_movie_analytics", "mart_user_behavior",
]
SNAPSHOTS = ["snap_mart_genre_performance", "snap_mart_movie_analytics", "snap_mart_user_behavior"]
VIEWS = ["src_links", "src_movies", "src_ratings", "src_tags"]


# ---- running ---------------------------------------------------------------------------------------

def environment(**changes):
    result = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm", **changes}
    for name in ("NO_COLOR", "COLUMNS"):
        if name not in changes:
            result.pop(name, None)
    return result


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def start(*arguments, **keywords):
    """The program as a process that goes on; for signals and blocked readers."""
    return subprocess.Popen([MEDALLION, *map(str, arguments)], env=environment(), **keywords)


def run(*arguments, env=None, stdout=subprocess.PIPE):
    done = subprocess.run([MEDALLION, *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, env=env or environment(), timeout=TIMEOUT_SECONDS,
                          check=False)
    return Result(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())


def run_well(*arguments, **keywords):
    result = run(*arguments, **keywords)
    check(result.status == 0, result)
    return result


def run_in_terminal(*arguments, columns=80, **changes):
    """Both streams in one pseudo terminal, as a user sees them."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([MEDALLION, *map(str, arguments)], stdin=follower, stdout=follower,
                               stderr=follower, env=environment(**changes))
    os.close(follower)
    pieces = []
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # how Linux says that nobody has the other end any more
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(leader)
    return Result(process.wait(TIMEOUT_SECONDS), b"".join(pieces).decode().replace("\r\n", "\n"), "")


def check(condition, *told):
    if not condition:
        raise AssertionError("\n".join(str(piece) for piece in told))


def check_equal(value, expected, *told):
    check(value == expected, f"got      {value!r}", f"expected {expected!r}", *told)


def check_fails(result, status, *words):
    """A failure: its exit status, nothing on standard output, and these words on standard error."""
    check_equal(result.status, status, result)
    check_equal(result.out, "", result)
    for word in words:
        check(word in result.err, f"{word!r} is not in the message", result)


# ---- data ------------------------------------------------------------------------------------------

def write_data(folder, **contents):
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    files = {"movies": MOVIES, "ratings": RATINGS, "tags": TAGS, "links": LINKS, **contents}
    for name, text in files.items():
        if text is not None:
            (folder / f"{name}.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def many_ratings(n_users=400, n_movies=200):
    rows = ["userId,movieId,rating,timestamp"]
    for user in range(1, n_users + 1):
        rows.extend(f"{user},{movie},{(user + movie) % 5 + 0.5},{900000000 + user * 1000 + movie}"
                    for movie in range(1, n_movies + 1))
    return "\n".join(rows) + "\n"


def many_movies(n_movies=200):
    return "movieId,title,genres\n" + "".join(f"{i},Film {i} (1990),Drama\n" for i in range(1, n_movies + 1))


def width(text):
    """Columns on a terminal, by Python's Unicode tables."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


def without_colors(text):
    return re.sub(r"\x1b\[[0-9;]*[mK]", "", text)


def csv_rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def table_lines(text):
    return [line for line in text.splitlines() if line and line[0] in "│┌├└|+"]


def main(tests):
    """Runs the functions of `tests` whose names begin with test_, or those that the command line names."""
    global MEDALLION
    if len(sys.argv) < 2:
        sys.exit("Usage: TEST_FILE MEDALLION [NAME…]      (names of tests; default: all)")
    MEDALLION = os.path.abspath(sys.argv[1])
    tests = {name[5:]: value for name, value in tests.items() if name.startswith("test_")}
    chosen = sys.argv[2:] or tests
    n_failed = 0
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            try:
                tests[name](pathlib.Path(folder))
                print(f"ok      {name}")
            except Exception:  # a test that breaks in any way has failed; the others go on
                n_failed += 1
                print(f"FAILED  {name}\n{traceback.format_exc()}")
    print(f"{len(chosen) - n_failed} passed, {n_failed} failed")
    return 1 if n_failed else 0
