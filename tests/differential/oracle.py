#!/usr/bin/env python3
"""Every silver and gold model of libmedallion, computed a second time by someone else.

The oracle shares no code and no method with the library: a tokenizer of its own, SQLite for joins,
grouping and ordering, Python's fractions for the exact averages. It writes each model as the
command line program does (`medallion build DATA --out DIR`), so that the two can be compared byte
for byte.

    oracle.py DATA... --out DIR

DATA are folders or single files, in load order. Input that the reader must refuse is refused here
too, with a ValueError; which rows are bad, and why, is for other tests to say.
"""

import argparse
import datetime
import fractions
import math
import pathlib
import re
import sqlite3

# Bronze: the columns of each source and the kind of their values.
SOURCES = {
    "movies": {"movieId": "id", "title": "string", "genres": "string"},
    "ratings": {"userId": "id", "movieId": "id", "rating": "decimal", "timestamp": "seconds"},
    "tags": {"userId": "id", "movieId": "id", "tag": "string", "timestamp": "seconds"},
    "links": {"movieId": "id", "imdbId": "string", "tmdbId": "string"},
}

# A record's next field and what ends it. The unquoted form takes a carriage return along: it
# belongs to the line end only when a line feed follows, which `records` sees at the delimiter.
FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\r\n|\n|\Z)')


def records(text):
    """Yields the records of an RFC 4180 text as lists; NULL is None, the quoted empty field ''."""
    at = 0
    record = []
    while at < len(text) or record:
        match = FIELD.match(text, at)
        if match is None:
            raise ValueError(f"badly quoted field at character {at}: {text[at:at + 40]!r}")
        quoted, plain, end = match.groups()
        if quoted is not None:
            record.append(quoted.replace('""', '"'))
        else:
            if end == "\n":
                plain = plain.removesuffix("\r")
            record.append(plain or None)
        at = match.end()
        if end == ",":
            continue
        blank = quoted is None and record == [None]
        if not blank:
            yield record
        record = []


def checked(text, pattern, low, high, unit=1):
    """A number that follows its grammar and lies in its range, as a count of 1/unit."""
    if text is None or not re.fullmatch(pattern, text, re.ASCII):
        raise ValueError(f"not a number of the form {pattern}: {text!r}")
    number = int(text) if unit == 1 else int(fractions.Fraction(text) * unit)
    if not low <= number <= high:
        raise ValueError(f"out of range: {text}")
    return number


PARSERS = {
    "id": lambda text: checked(text, r"\d+", 1, 2147483647),
    "decimal": lambda text: checked(text, r"-?\d+(\.\d\d?)?", -999999, 999999, unit=100),
    "seconds": lambda text: checked(text, r"-?\d+", -62135596800, 253402300799),
    "string": lambda text: text,
}


def calendar_date(text):
    """The date of a DDMMYYYY prefix, None where the calendar has no such day."""
    try:
        return datetime.date(int(text[4:]), int(text[2:4]), int(text[:2]))
    except ValueError:
        return None


def source_of(path):
    """The table and the date (None in a plain name) that a file name says; None for other files."""
    match = re.fullmatch(r"(?:(\d{8})_)?(movies|ratings|tags|links)\.csv", path.name, re.ASCII)
    if match is None:
        return None
    date = calendar_date(match[1]) if match[1] else None
    if match[1] and date is None:
        return None
    return match[2], date


def files_of(arguments):
    """(table, path) of each file in load order: of a folder the plain files first, then by date."""
    found = []
    for argument in map(pathlib.Path, arguments):
        inside = [argument]
        if argument.is_dir():
            inside = [path for path in argument.iterdir() if source_of(path)]
            inside.sort(key=lambda path: (source_of(path)[1] or datetime.date.min, path.name))
        found += [(source_of(path)[0], path) for path in inside]
    return found


def load_bronze(database, arguments):
    """Fills the four source tables; load_order numbers the rows of a table over all its files."""
    for table, columns in SOURCES.items():
        named = ", ".join(columns)
        database.execute(f"CREATE TABLE {table} (load_order INTEGER PRIMARY KEY, {named})")
    loaded = set()
    for table, path in files_of(arguments):
        content = path.read_bytes()
        if (table, content) in loaded:  # the same content a second time is a no-op
            continue
        loaded.add((table, content))
        load_file(database, table, content.decode("utf-8-sig"))


def load_file(database, table, text):
    columns = SOURCES[table]
    rows = records(text)
    header = next(rows, [])
    if sorted(header, key=str) != sorted(columns):
        raise ValueError(f"{table}: header {header}")
    parsers = [PARSERS[columns[name]] for name in header]

    def parsed():
        for row in rows:
            if len(row) != len(header):
                raise ValueError(f"{table}: {len(row)} fields in {row}")
            yield [parse(text) for parse, text in zip(parsers, row)]

    places = ", ".join("?" * len(header))
    database.executemany(f"INSERT INTO {table} ({', '.join(header)}) VALUES ({places})", parsed())


# --- functions that SQLite lacks -----------------------------------------------------------------


def title_year(title):
    match = re.search(r"\((\d{4})\)\s*\Z", title or "", re.ASCII)
    return int(match[1]) if match else None


def exact_ratio(numerator, denominator):
    """The double nearest to the quotient; Fraction's conversion rounds once, whatever the size."""
    return float(fractions.Fraction(numerator, denominator)) if denominator else None


def exact_average(n, hundredths):
    return exact_ratio(hundredths, 100 * n) if n else None


def exact_stddev(n, hundredths, squares):
    if n is None or n < 2:
        return None
    return math.sqrt(exact_ratio(n * squares - hundredths * hundredths, n * (n - 1) * 10000))


# --- the models: columns with their kinds, and the query that fills them in order ----------------

# Helpers that the models share. A latest_* row is the one loaded last for its movie.
PREPARATION = """
CREATE TABLE latest_movies AS
    SELECT movieId, title, genres FROM movies
    WHERE load_order IN (SELECT max(load_order) FROM movies GROUP BY movieId);

CREATE TABLE latest_links AS
    SELECT movieId, imdbId, tmdbId FROM links
    WHERE load_order IN (SELECT max(load_order) FROM links GROUP BY movieId);

-- Every genre of every movie with the place where the movie's list names it first.
CREATE TABLE movie_genres AS
    WITH RECURSIVE pieces (movieId, place, genre, rest) AS (
        SELECT movieId, 0, '', coalesce(genres, '') || '|' FROM latest_movies
        UNION ALL
        SELECT movieId, place + 1,
               trim(substr(rest, 1, instr(rest, '|') - 1), ' ' || char(9)),
               substr(rest, instr(rest, '|') + 1)
        FROM pieces WHERE rest <> ''
    ),
    named AS (
        SELECT movieId, genre, min(place) AS place FROM pieces
        WHERE genre <> '' GROUP BY movieId, genre
    )
    SELECT movieId, genre, place FROM named
    UNION ALL
    SELECT movieId, '(no genres listed)', 1 FROM latest_movies
    WHERE movieId NOT IN (SELECT movieId FROM named);
"""

RATING_SUMMARY = """
    count(*) AS n, sum(rating) AS total, sum(rating * rating) AS squares, min(rating) AS low,
    max(rating) AS high, min(created_at) AS first_at, max(created_at) AS last_at"""


def span_days(summary):
    """Whole UTC days from the first to the last rating of a summary, by SQLite's own calendar."""
    first, last = (f"julianday(date({summary}.{end}_at, 'unixepoch'))" for end in ("first", "last"))
    return f"CAST({last} - {first} AS INTEGER)"


MODELS = {
    "dim_users": (
        "user_id int",
        "SELECT userId AS user_id FROM ratings UNION SELECT userId FROM tags ORDER BY 1",
    ),
    "dim_movies": (
        """
        movie_id int, title string, year int, genre string, genre_count int, imdb_id string,
        tmdb_id string
        """,
        """
        SELECT m.movieId AS movie_id, m.title AS title, title_year(m.title) AS year,
               g.genre AS genre, count(*) OVER (PARTITION BY m.movieId) AS genre_count,
               l.imdbId AS imdb_id, l.tmdbId AS tmdb_id
        FROM latest_movies m
        JOIN movie_genres g ON g.movieId = m.movieId
        LEFT JOIN latest_links l ON l.movieId = m.movieId
        ORDER BY m.movieId, g.place
        """,
    ),
    "fact_ratings": (
        "user_id int, movie_id int, rating decimal, created_at timestamp",
        """
        SELECT user_id, movie_id, rating, created_at
        FROM (
            SELECT userId AS user_id, movieId AS movie_id, rating, timestamp AS created_at,
                   row_number() OVER (PARTITION BY userId, movieId, timestamp
                                      ORDER BY load_order DESC) AS recency
            FROM ratings
            WHERE movieId IN (SELECT movie_id FROM dim_movies)
              AND userId IN (SELECT user_id FROM dim_users)
        )
        WHERE recency = 1
        ORDER BY user_id, movie_id, created_at
        """,
    ),
    "fact_tags": (
        "user_id int, movie_id int, tag string, created_at timestamp",
        """
        SELECT DISTINCT userId AS user_id, movieId AS movie_id, tag, timestamp AS created_at
        FROM tags
        WHERE tag IS NOT NULL
          AND movieId IN (SELECT movie_id FROM dim_movies)
          AND userId IN (SELECT user_id FROM dim_users)
        ORDER BY user_id, movie_id, tag, created_at
        """,
    ),
    "fact_movie_genre_ratings": (
        """
        movie_id int, genre string, title string, year int, total_ratings int, avg_rating float,
        min_rating decimal, max_rating decimal
        """,
        f"""
        SELECT d.movie_id AS movie_id, d.genre AS genre, d.title AS title, d.year AS year,
               r.n AS total_ratings, exact_average(r.n, r.total) AS avg_rating,
               r.low AS min_rating, r.high AS max_rating
        FROM dim_movies d
        JOIN (SELECT movie_id, {RATING_SUMMARY} FROM fact_ratings GROUP BY movie_id) r
            ON r.movie_id = d.movie_id
        ORDER BY d.position
        """,
    ),
    "mart_movie_analytics": (
        """
        movie_id int, title string, year int, genres string, genre_count int, total_ratings int,
        avg_rating float, min_rating decimal, max_rating decimal, stddev_rating float,
        first_rating_date timestamp, last_rating_date timestamp, rating_span_days int,
        total_tags int, unique_taggers int, first_tag_date timestamp, last_tag_date timestamp,
        popularity_tier string, rating_tier string, quality_tier string
        """,
        f"""
        SELECT m.movie_id, m.title, m.year, m.genres, m.genre_count,
               coalesce(r.n, 0), exact_average(r.n, r.total), r.low, r.high,
               exact_stddev(r.n, r.total, r.squares),
               r.first_at, r.last_at, {span_days("r")},
               coalesce(t.n, 0), coalesce(t.taggers, 0), t.first_at, t.last_at,
               CASE WHEN r.n >= 10000 THEN 'Highly Popular'
                    WHEN r.n >= 5000 THEN 'Very Popular'
                    WHEN r.n >= 1000 THEN 'Popular'
                    WHEN r.n >= 100 THEN 'Moderately Popular'
                    WHEN r.n >= 1 THEN 'Niche'
                    ELSE 'Unrated' END,
               CASE WHEN r.n >= 100 THEN 'Highly Rated'
                    WHEN r.n >= 50 THEN 'Well Rated'
                    WHEN r.n >= 10 THEN 'Moderately Rated'
                    WHEN r.n >= 1 THEN 'Limited Ratings'
                    ELSE 'Unrated' END,
               CASE WHEN r.total >= 400 * r.n THEN 'Excellent'
                    WHEN r.total >= 350 * r.n THEN 'Good'
                    WHEN r.total >= 300 * r.n THEN 'Average'
                    WHEN r.total >= 200 * r.n THEN 'Below Average'
                    WHEN r.total < 200 * r.n THEN 'Poor'
                    ELSE 'Unrated' END
        FROM (
            SELECT movie_id, title, year, genre_count, position,
                   group_concat(genre, '|') OVER (PARTITION BY movie_id ORDER BY position
                                                  ROWS BETWEEN UNBOUNDED PRECEDING
                                                  AND UNBOUNDED FOLLOWING) AS genres,
                   row_number() OVER (PARTITION BY movie_id ORDER BY position) AS place
            FROM dim_movies
        ) m
        LEFT JOIN (SELECT movie_id, {RATING_SUMMARY} FROM fact_ratings GROUP BY movie_id) r
            USING (movie_id)
        LEFT JOIN (
            SELECT movie_id, count(*) AS n, count(DISTINCT user_id) AS taggers,
                   min(created_at) AS first_at, max(created_at) AS last_at
            FROM fact_tags GROUP BY movie_id
        ) t USING (movie_id)
        WHERE m.place = 1
        ORDER BY m.movie_id
        """,
    ),
    "mart_user_behavior": (
        """
        user_id int, total_ratings int, unique_movies_rated int, avg_rating_given float,
        min_rating_given decimal, max_rating_given decimal, stddev_rating float,
        first_rating_date timestamp, last_rating_date timestamp, rating_span_days int,
        active_days int, avg_ratings_per_day float, total_tags int, unique_movies_tagged int,
        first_tag_date timestamp, last_tag_date timestamp, preferred_genre string,
        preferred_genre_count int, preferred_genre_avg_rating float, genre_engagement string,
        user_segment string, rating_style string
        """,
        f"""
        SELECT u.user_id, coalesce(r.n, 0), coalesce(r.movies, 0), exact_average(r.n, r.total),
               r.low, r.high, exact_stddev(r.n, r.total, r.squares),
               r.first_at, r.last_at, {span_days("r")},
               coalesce(r.days, 0), exact_ratio(r.n, r.days),
               coalesce(t.n, 0), coalesce(t.movies, 0), t.first_at, t.last_at,
               p.genre, coalesce(p.n, 0), exact_average(p.n, p.total),
               CASE WHEN p.n >= 500 THEN 'Very High'
                    WHEN p.n >= 100 THEN 'High'
                    WHEN p.n >= 20 THEN 'Medium'
                    WHEN p.n >= 1 THEN 'Low'
                    ELSE 'None' END,
               CASE WHEN r.n >= 1000 THEN 'Power'
                    WHEN r.n >= 500 THEN 'Heavy'
                    WHEN r.n >= 100 THEN 'Active'
                    WHEN r.n >= 20 THEN 'Regular'
                    ELSE 'Light' END,
               CASE WHEN r.total >= 400 * r.n THEN 'Positive Rater'
                    WHEN r.total >= 300 * r.n THEN 'Neutral Rater'
                    WHEN r.total < 300 * r.n THEN 'Critical Rater'
                    ELSE 'No Ratings' END
        FROM dim_users u
        LEFT JOIN (
            SELECT user_id, {RATING_SUMMARY}, count(DISTINCT movie_id) AS movies,
                   count(DISTINCT date(created_at, 'unixepoch')) AS days
            FROM fact_ratings GROUP BY user_id
        ) r USING (user_id)
        LEFT JOIN (
            SELECT user_id, count(*) AS n, count(DISTINCT movie_id) AS movies,
                   min(created_at) AS first_at, max(created_at) AS last_at
            FROM fact_tags GROUP BY user_id
        ) t USING (user_id)
        LEFT JOIN (
            -- Where n ties, the denominators are equal: totals compare as averages do.
            SELECT user_id, genre, n, total,
                   row_number() OVER (PARTITION BY user_id
                                      ORDER BY n DESC, total DESC, genre) AS preference
            FROM (
                SELECT f.user_id AS user_id, d.genre AS genre, count(*) AS n, sum(f.rating) AS total
                FROM fact_ratings f JOIN dim_movies d USING (movie_id)
                GROUP BY f.user_id, d.genre
            )
        ) p ON p.user_id = u.user_id AND p.preference = 1
        ORDER BY u.user_id
        """,
    ),
    "mart_genre_performance": (
        """
        genres string, total_movies int, rated_movies int, total_ratings int, unique_raters int,
        avg_rating float, min_rating decimal, max_rating decimal, stddev_rating float,
        first_rating_date timestamp, last_rating_date timestamp, rating_span_days int,
        total_tags int, unique_taggers int, movies_2020s int, movies_2010s int, movies_2000s int,
        movies_1990s int, movies_1980s int, movies_before_1980 int, movies_other_year int,
        avg_ratings_per_movie float, popularity_tier string, quality_tier string
        """,
        f"""
        SELECT g.genre, g.movies, coalesce(r.movies, 0), coalesce(r.n, 0), coalesce(r.raters, 0),
               exact_average(r.n, r.total), r.low, r.high, exact_stddev(r.n, r.total, r.squares),
               r.first_at, r.last_at, {span_days("r")},
               coalesce(t.n, 0), coalesce(t.taggers, 0),
               g.in_2020s, g.in_2010s, g.in_2000s, g.in_1990s, g.in_1980s, g.before_1980,
               g.other_year, exact_ratio(coalesce(r.n, 0), g.movies),
               CASE WHEN r.n >= 100000 THEN 'Highly Popular'
                    WHEN r.n >= 50000 THEN 'Very Popular'
                    WHEN r.n >= 10000 THEN 'Popular'
                    WHEN r.n >= 1000 THEN 'Moderately Popular'
                    WHEN r.n >= 1 THEN 'Niche'
                    ELSE 'Unrated' END,
               CASE WHEN r.total >= 380 * r.n THEN 'Top Rated'
                    WHEN r.total >= 350 * r.n THEN 'Well Rated'
                    WHEN r.total >= 320 * r.n THEN 'Average Rated'
                    WHEN r.total < 320 * r.n THEN 'Below Average'
                    ELSE 'Unrated' END
        FROM (
            SELECT genre, count(*) AS movies,
                   count(*) FILTER (WHERE year BETWEEN 2020 AND 2029) AS in_2020s,
                   count(*) FILTER (WHERE year BETWEEN 2010 AND 2019) AS in_2010s,
                   count(*) FILTER (WHERE year BETWEEN 2000 AND 2009) AS in_2000s,
                   count(*) FILTER (WHERE year BETWEEN 1990 AND 1999) AS in_1990s,
                   count(*) FILTER (WHERE year BETWEEN 1980 AND 1989) AS in_1980s,
                   count(*) FILTER (WHERE year < 1980) AS before_1980,
                   count(*) FILTER (WHERE year IS NULL OR year >= 2030) AS other_year
            FROM dim_movies GROUP BY genre
        ) g
        LEFT JOIN (
            SELECT d.genre AS genre, {RATING_SUMMARY}, count(DISTINCT movie_id) AS movies,
                   count(DISTINCT f.user_id) AS raters
            FROM fact_ratings f JOIN dim_movies d USING (movie_id) GROUP BY d.genre
        ) r USING (genre)
        LEFT JOIN (
            SELECT d.genre AS genre, count(*) AS n, count(DISTINCT f.user_id) AS taggers
            FROM fact_tags f JOIN dim_movies d USING (movie_id) GROUP BY d.genre
        ) t USING (genre)
        ORDER BY g.genre
        """,
    ),
}


# --- text ----------------------------------------------------------------------------------------


def float_text(number):
    """The shortest digits that read back to the same double, laid out as JavaScript does."""
    digits, exponent = re.fullmatch(r"-?([\d.]+)(?:e([+-]\d+))?", repr(number)).groups()
    whole, _, fraction = digits.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).rstrip("0")
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.lstrip("0")
    sign = "-" if number < 0 else ""
    if not digits:
        return "0.0"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if 0 < point <= 21:
        return f"{sign}{digits[:point].ljust(point, '0')}.{digits[point:] or '0'}"
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    return f"{sign}{mantissa}e{point - 1:+d}"


def decimal_text(hundredths):
    whole, rest = divmod(abs(hundredths), 100)
    fraction = f"{rest:02d}".removesuffix("0")
    return f"{'-' if hundredths < 0 else ''}{whole}.{fraction}"


def timestamp_text(seconds):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).isoformat(" ")


def string_text(text):
    if text == "" or re.search('[,"\r\n]', text):
        return '"' + text.replace('"', '""') + '"'
    return text


TEXT = {"int": str, "float": float_text, "decimal": decimal_text, "timestamp": timestamp_text,
        "string": string_text}


def csv_bytes(columns, rows):
    forms = [TEXT[kind] for kind in columns.values()]
    lines = [",".join(columns)]
    for row in rows:
        lines.append(
            ",".join("" if value is None else form(value) for form, value in zip(forms, row))
        )
    return ("\n".join(lines) + "\n").encode()


def build(arguments):
    """Computes every model from the given folders and files: {model name: its CSV}."""
    database = sqlite3.connect(":memory:")
    database.create_function("title_year", 1, title_year, deterministic=True)
    database.create_function("exact_ratio", 2, exact_ratio, deterministic=True)
    database.create_function("exact_average", 2, exact_average, deterministic=True)
    database.create_function("exact_stddev", 3, exact_stddev, deterministic=True)
    load_bronze(database, arguments)
    database.executescript(PREPARATION)
    written = {}
    for name, (layout, query) in MODELS.items():
        columns = dict(column.split() for column in layout.split(","))
        named, places = ", ".join(columns), ", ".join("?" * len(columns))
        rows = database.execute(query).fetchall()
        database.execute(f"CREATE TABLE {name} (position INTEGER PRIMARY KEY, {named})")
        database.executemany(f"INSERT INTO {name} ({named}) VALUES ({places})", rows)
        written[name] = csv_bytes(columns, rows)
    database.close()
    return written


def main():
    parser = argparse.ArgumentParser(description="Computes every model with SQLite.")
    parser.add_argument("data", nargs="+", help="folders or single CSV files, in load order")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder for <model>.csv")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, content in build(arguments.data).items():
        (arguments.out / f"{name}.csv").write_bytes(content)


if __name__ == "__main__":
    main()
