"""Checks what `medallion generate` writes: its size, its shape, its bytes, and how it fails.

Usage: check_generate.py MEDALLION

The targets are the figures of ml-32m, with room for chance in small sets. CSV is parsed and written
back by Python's own csv module, so quoting is compared with a writer that is not ours."""

import collections
import csv
import hashlib
import io
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile

FILES = ["links.csv", "movies.csv", "ratings.csv", "tags.csv"]
HISTOGRAM = {
    "0.5": 525132, "1.0": 946675, "1.5": 531063, "2.0": 2028622, "2.5": 1685386,
    "3.0": 6054990, "3.5": 4290105, "4.0": 8367654, "4.5": 2974000, "5.0": 4596577,
}
GENRES = set(
    "Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy Film-Noir Horror "
    "IMAX Musical Mystery Romance Sci-Fi Thriller War Western".split()
)
HALF_STARS_SINCE = 1045526400  # 2003-02-18
TAGS_SINCE = 1135382400  # 2005-12-24
# SHA-256 of the four files, in the order of FILES, at scale 0.001 with seed 1: the same on every
# machine. Who changes the generator on purpose puts the new one here.
PINNED = "514451ce16631fda76b59f33486c6a9fea2b4bc54c799705988dc71367346fec"

failures = []


def expect(ok, what):
    if not ok:
        failures.append(what)
        print("FAILED:", what)


def expect_between(low, value, high, what):
    expect(low <= value <= high, f"{what}: {value} is not in {low} … {high}")


def generate(directory, *options, **keywords):
    command = [sys.argv[1], "generate", directory, "--quiet", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **keywords)


def generate_or_die(directory, *options):
    done = generate(directory, *options)
    if done.returncode != 0:
        sys.exit(f"generate {' '.join(options)} ended with {done.returncode}: {done.stderr}")


def read_bytes(directory, name):
    with open(os.path.join(directory, name), "rb") as file:
        return file.read()


def digest(directory):
    return hashlib.sha256(b"".join(read_bytes(directory, name) for name in FILES)).hexdigest()


def read_rows(directory, name, header):
    """The rows after the header; the file must be what csv.writer makes of them."""
    data = read_bytes(directory, name)
    rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    again = io.StringIO(newline="")
    csv.writer(again, lineterminator="\r\n").writerows(rows)
    expect(again.getvalue().encode("utf-8") == data, f"{name} is minimally quoted, with CRLF")
    expect(rows[0] == header.split(","), f"{name} has the header {header}")
    expect(all(len(row) == len(rows[0]) for row in rows), f"{name} has rows of equal length")
    return rows[1:]


def check_movies(rows, scale, n_ratings):
    expected = min(int(87585 * min(scale, 1) ** 0.375), n_ratings // 8)
    expect_between(expected - 1, len(rows), expected + 1, "movies")
    ids = [int(row[0]) for row in rows]
    expect(all(a < b for a, b in zip(ids, ids[1:])), "movie ids ascend")
    expect(ids[-1] == 292757, "the last movie id is 292757")
    expect_between(1, ids[99], 300, "the 100th movie id (dense at first)")
    expect(ids[-1] - ids[-100] > 300, "the last 100 movie ids have gaps")

    titles = [row[1] for row in rows]
    year = re.compile(r"\((\d{4})\)\s*$")
    years = [int(match[1]) for match in map(year.search, titles) if match]
    n = len(titles)
    expect_between(0.10 * n, sum("," in t for t in titles), 0.35 * n, "titles with a comma")
    expect_between(1, sum('"' in t for t in titles), 0.02 * n, "titles with a quote")
    expect_between(0.02 * n, sum(not t.isascii() for t in titles), 0.3 * n, "non-ASCII titles")
    expect_between(1, sum(t != t.rstrip() for t in titles), 0.02 * n, "titles with trailing blanks")
    expect_between(1, n - len(years), 0.03 * n, "titles without year")
    expect(min(years) >= 1900 and max(years) <= 2023, "years are 1900 … 2023")

    lists = [row[2].split("|") for row in rows]
    genres = collections.Counter(genre for genre_list in lists for genre in genre_list)
    expect(set(genres) == GENRES | {"(no genres listed)"}, f"19 genres and none: {set(genres)}")
    expect(all(len(set(g)) == len(g) for g in lists), "no genre repeats within a movie")
    expect(all(g == sorted(g) for g in lists), "genres are in alphabetical order")
    expect_between(0.05 * n, genres["(no genres listed)"], 0.11 * n, "movies without genres")
    expect(genres.most_common(1)[0][0] == "Drama", "Drama is the most frequent genre")
    return ids


def check_links(rows, movie_ids):
    expect([int(row[0]) for row in rows] == movie_ids, "links are of the movies, in order")
    imdb = [row[1] for row in rows]
    tmdb = [row[2] for row in rows if row[2] != ""]
    expect(all(re.fullmatch(r"\d{7,8}", text) for text in imdb), "imdbIds have 7 or 8 digits")
    expect(any(text.startswith("0") for text in imdb), "some imdbIds begin with 0")
    expect(any(len(text) == 8 for text in imdb), "some imdbIds have 8 digits")
    expect(len(set(imdb)) == len(imdb) and len(set(tmdb)) == len(tmdb), "foreign ids are unique")
    expect_between(1, len(rows) - len(tmdb), 0.01 * len(rows), "movies without tmdbId")


def visits_of(times):
    ordered = sorted(times)
    gaps = [b - a for a, b in zip(ordered, ordered[1:])]
    return 1 + sum(gap >= 21600 for gap in gaps), [gap for gap in gaps if gap < 21600]


def check_users(by_user, scale, n_movies):
    expect(list(by_user) == list(range(1, round(200948 * scale) + 1)), "users are 1 … n, in order")
    sizes = sorted(len(rows) for rows in by_user.values())
    expect(sizes[0] == 20, f"the least diligent user has {sizes[0]} ratings, not 20")
    expect_between(71, sizes[len(sizes) // 2], 75, "median ratings per user")
    expect_between(159, sum(sizes) / len(sizes), 160, "mean ratings per user")
    expect(sizes[-1] == min(33332, n_movies * 381 // 1000), f"ratings of the top user {sizes[-1]}")

    visits, gaps, ascending = [], [], []
    for rows in by_user.values():
        times = [time for _, _, time in rows]
        n_visits, visit_gaps = visits_of(times)
        visits.append(n_visits)
        gaps.extend(visit_gaps)
        ascending.extend(a < b for a, b in zip(times, times[1:]))
        if min(times) < HALF_STARS_SINCE:
            expect(all(r[1].endswith(".0") for r in rows if r[2] < HALF_STARS_SINCE),
                   "no half stars before 2003")
    expect_between(1, statistics.median(visits), 3, "median visits per user")
    expect(max(visits) > 20, "some users come often")
    expect_between(3, statistics.median(gaps), 60, "median seconds between ratings of a visit")
    expect_between(0.4, sum(ascending) / len(ascending), 0.6, "steps in movie order that ascend")


def check_popularity(by_movie, movie_ids, n_users):
    sizes = sorted(len(by_movie.get(movie, ())) for movie in movie_ids)
    expect(set(by_movie) <= set(movie_ids), "all rated movies exist")
    unrated = sizes.count(0) / len(sizes)
    expect_between(0.035, unrated, 0.037, "share of unrated movies")
    expect_between(3, sizes[len(sizes) // 2], 6, "median ratings per movie")
    expect_between(0.4 * n_users, sizes[-1], 0.62 * n_users, "ratings of the top movie")
    top_tenth = sum(sizes[-len(sizes) // 10:])
    expect(top_tenth > 0.4 * sum(sizes), f"the top tenth of the movies has {top_tenth} ratings")


def check_opinions(by_user, by_movie, n_ratings, tolerance):
    histogram = collections.Counter(rating for rows in by_user.values() for _, rating, _ in rows)
    expect(set(histogram) == set(HISTOGRAM), f"ratings are {sorted(histogram)}")
    for rating, real in HISTOGRAM.items():
        share, real_share = histogram[rating] / n_ratings, real / 32000204
        expect_between(real_share * (1 - tolerance), share, real_share * (1 + tolerance),
                       f"share of rating {rating}")
    by_movie = [ratings for ratings in by_movie.values() if len(ratings) >= 20]
    users = [statistics.mean(float(r) for _, r, _ in rows) for rows in by_user.values()]
    movies = [statistics.mean(map(float, ratings)) for ratings in by_movie]
    expect_between(0.3, statistics.pstdev(users), 0.6, "deviation of the users' averages")
    expect_between(0.3, statistics.pstdev(movies), 0.6, "deviation of the movies' averages")


def check_ratings(rows, scale, movie_ids, tolerance):
    expect(len(rows) == round(32000204 * scale), f"{len(rows)} ratings")
    keys = [(int(row[0]), int(row[1])) for row in rows]
    expect(all(a < b for a, b in zip(keys, keys[1:])), "ratings are sorted by user, movie; no repeats")
    by_user, by_movie = collections.defaultdict(list), collections.defaultdict(list)
    for (user, movie), row in zip(keys, rows):
        by_user[user].append((movie, row[2], int(row[3])))
        by_movie[movie].append(row[2])
    times = [int(row[3]) for row in rows]
    expect(min(times) >= 788918400 and max(times) < 1704067200, "times are 1995 … 2023")
    expect(len({time // 31556952 for time in times}) >= 25, "times are spread over the years")
    check_users(by_user, scale, len(movie_ids))
    check_popularity(by_movie, movie_ids, len(by_user))
    check_opinions(by_user, by_movie, len(rows), tolerance)


def check_tags(rows, scale, movie_ids):
    n = round(2000072 * scale)
    n_users = round(200948 * scale)
    expect(len(rows) == n, f"{len(rows)} tags instead of {n}")
    keys = [(int(row[0]), int(row[1])) for row in rows]
    expect(keys == sorted(keys), "tags are sorted by user, movie")
    expect(len({tuple(row[:3]) for row in rows}) == len(rows), "no tag repeats")
    expect({movie for _, movie in keys} <= set(movie_ids), "all tagged movies exist")
    expect_between(1, len({user for user, _ in keys}), 0.1 * n_users, "taggers")
    expect(max(user for user, _ in keys) <= n_users, "taggers are users")
    texts = collections.Counter(row[2] for row in rows)
    expect(len(texts) == (n + 12) // 13, f"{len(texts)} texts")
    expect(max(texts.values()) >= 20 * statistics.median(texts.values()), "tags are skewed")
    expect(any("," in text for text in texts), "some tags have a comma")
    expect(any('"' in text for text in texts), "some tags have a quote")
    expect(any(not text.isascii() for text in texts), "some tags are not ASCII")
    expect("" not in texts, "no tag is empty")
    times = [int(row[3]) for row in rows]
    expect(min(times) >= TAGS_SINCE and max(times) < 1704067200, "tags are from 2005 … 2023")


def check_shape(directory, scale, tolerance):
    print(f"shape at scale {scale}")
    expect(sorted(os.listdir(directory)) == FILES, f"files: {os.listdir(directory)}")
    ratings = read_rows(directory, "ratings.csv", "userId,movieId,rating,timestamp")
    movies = read_rows(directory, "movies.csv", "movieId,title,genres")
    movie_ids = check_movies(movies, scale, len(ratings))
    check_links(read_rows(directory, "links.csv", "movieId,imdbId,tmdbId"), movie_ids)
    check_ratings(ratings, scale, movie_ids, tolerance)
    check_tags(read_rows(directory, "tags.csv", "userId,movieId,tag,timestamp"), scale, movie_ids)


def check_bytes(root):
    print("same bytes for the same scale and seed")
    # More than one block of users, so that threads really share the work.
    digests = {}
    for threads in ["1", "2", "3", "8"]:
        directory = os.path.join(root, "threads" + threads)
        generate_or_die(directory, "--scale", "0.02", "--seed", "7", "--threads", threads)
        digests[threads] = digest(directory)
    expect(len(set(digests.values())) == 1, f"bytes differ by threads: {digests}")
    pinned, other = os.path.join(root, "pinned"), os.path.join(root, "other")
    generate_or_die(pinned, "--scale", "0.001", "--seed", "1")
    expect(digest(pinned) == PINNED, f"digest at scale 0.001, seed 1: {digest(pinned)}")
    generate_or_die(other, "--scale", "0.001", "--seed", "2")
    for name in FILES:
        expect(read_bytes(pinned, name) != read_bytes(other, name), f"the seed changes {name}")


def limit_file_size():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))


def expect_failure(done, status, what, *pieces):
    expect(done.returncode == status, f"{what}: exit {done.returncode} instead of {status}")
    for piece in pieces:
        expect(piece in done.stderr, f"{what}: no '{piece}' in: {done.stderr}")


def check_failures(root):
    print("failures")
    orphan = os.path.join(root, "missing", "directory")
    expect_failure(generate(orphan, "--scale", "0.001"), 3, "no parent", orphan,
                   "No such file or directory")
    occupied = os.path.join(root, "occupied")
    with open(occupied, "w", encoding="ascii") as file:
        file.write("mine")
    expect_failure(generate(occupied, "--scale", "0.001"), 3, "a file in the way", occupied,
                   "Not a directory")

    # A disk that is full half way: what was there stays, nothing new gets a final name.
    full = os.path.join(root, "full")
    generate_or_die(full, "--scale", "0.001", "--seed", "1")
    before = digest(full)
    done = generate(full, "--scale", "0.01", "--seed", "2", preexec_fn=limit_file_size)
    expect_failure(done, 3, "no space", os.path.join(full, ""), "File too large")
    expect(sorted(os.listdir(full)) == FILES, f"left behind: {os.listdir(full)}")
    expect(digest(full) == before, "a failed run leaves older files alone")

    for scale in ["0", "-1", "nan", "inf", "1e9", "big", ""]:
        unmade = os.path.join(root, "unmade")
        expect_failure(generate(unmade, "--scale", scale), 2, f"scale '{scale}'")
        expect(not os.path.exists(unmade), f"scale '{scale}' makes no directory")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as root:
        # Few users make few independent opinions: the smaller the set, the rougher the histogram.
        for scale, tolerance in [(0.003, 0.12), (0.03, 0.06)]:
            directory = os.path.join(root, f"scale{scale}")
            generate_or_die(directory, "--scale", str(scale), "--seed", "1")
            check_shape(directory, scale, tolerance)
        check_bytes(root)
        check_failures(root)
    sys.exit(f"{len(failures)} checks failed" if failures else 0)


main()
