#!/usr/bin/env python3
"""A data set in which every tier, segment and style has a row on each side of its border.

    make_edges.py DIR

Each count that a rule of the marts names occurs exactly, and one less; each average exactly, and one
hundredth of one rating less and more. Every movie has a genre of its own, so that what holds for the
movie holds for the genre.
"""

import itertools
import pathlib
import sys

MOVIE_AND_GENRE_COUNTS = [1, 10, 50, 100, 1000, 5000, 10000, 50000, 100000]
USER_COUNTS = [1, 20, 100, 500, 1000]
AVERAGES_IN_HUNDREDTHS = [200, 300, 320, 350, 380, 400]

N_CROWD = 1000  # users who make up the ratings of the counted movies
FIRST_COUNTED_USER = 5000
FIRST_AVERAGE_USER = 9000
SHARED_MOVIE = 1  # rated by the counted users only, so that their preferred genre is its genre
START = 1_000_000_000


def around(counts):
    return sorted({near for count in counts for near in (count - 1, count)})


def counted_movies(movie_ids):
    """A movie for each count; the crowd takes turns, each rating at a second of its own."""
    for n in around(MOVIE_AND_GENRE_COUNTS):
        movie = next(movie_ids)
        yield movie, [(1 + k % N_CROWD, movie, 300, START + k) for k in range(n)]


def counted_users():
    for place, n in enumerate(around(USER_COUNTS)):
        user = FIRST_COUNTED_USER + place
        yield from ((user, SHARED_MOVIE, 350, START + 1000 * k) for k in range(n))


def averaged_movies(movie_ids):
    """A movie and a user for each average, who rates it three times."""
    users = itertools.count(FIRST_AVERAGE_USER)
    for average, change in itertools.product(AVERAGES_IN_HUNDREDTHS, (-1, 0, 1)):
        movie, user = next(movie_ids), next(users)
        ratings = [average - 50, average + 50, average + change]
        yield movie, [(user, movie, rating, START + k) for k, rating in enumerate(ratings)]


def make(directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    movie_ids = itertools.count(SHARED_MOVIE + 1)
    movies, ratings = [SHARED_MOVIE], list(counted_users())
    for movie, rows in [*counted_movies(movie_ids), *averaged_movies(movie_ids)]:
        movies.append(movie)
        ratings += rows
    write(directory / "movies.csv", "movieId,title,genres",
          (f"{movie},Movie {movie} (2001),Genre {movie}" for movie in movies))
    write(directory / "ratings.csv", "userId,movieId,rating,timestamp",
          (f"{user},{movie},{rating / 100},{second}" for user, movie, rating, second in ratings))


def write(path, header, lines):
    path.write_text("".join(f"{line}\n" for line in [header, *lines]), encoding="utf-8", newline="")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_edges.py DIR")
    make(sys.argv[1])
