#!/usr/bin/env python3
"""The main job in pandas, as one would write it: typed columns, the C reader, groupby and merge.

    pandas_job.py DATA_DIR [--out DIR]

With --out the marts and fact_movie_genre_ratings are written as CSV, and the numbers of rows of all
models go to stdout as JSON. pandas works on one thread. Ratings are doubles, which hold half stars
and their sums exactly.
"""

import argparse
import json
import pathlib

import numpy as np
import pandas as pd

SECONDS_PER_DAY = 86400
TEXT = {"keep_default_na": False, "na_values": [""]}


def read_sources(data):
    movies = pd.read_csv(data / "movies.csv", dtype={"movieId": "int32"}, **TEXT)
    ratings = pd.read_csv(data / "ratings.csv", dtype={
        "userId": "int32", "movieId": "int32", "rating": "float64", "timestamp": "int64"})
    tags = pd.read_csv(data / "tags.csv", dtype={
        "userId": "int32", "movieId": "int32", "timestamp": "int64"}, **TEXT)
    links = pd.read_csv(data / "links.csv", dtype={
        "movieId": "int32", "imdbId": str, "tmdbId": str}, **TEXT)
    return movies, ratings, tags, links


def tiers(measure, rules, otherwise, if_null):
    """The label of the first threshold that is reached."""
    conditions = [measure.isna(), *(measure >= least for least, _ in rules)]
    return np.select(conditions, [if_null, *(label for _, label in rules)], otherwise)


def span_days(table):
    return (table["last_at"] // SECONDS_PER_DAY
            - table["first_at"] // SECONDS_PER_DAY).astype("Int32")


def at_time(seconds):
    return pd.to_datetime(seconds, unit="s")


def integers(column):
    """Counts after a left merge: none is 0."""
    return column.fillna(0).astype("int64")


RATED = {
    "n": ("rating", "size"), "average": ("rating", "mean"), "low": ("rating", "min"),
    "high": ("rating", "max"), "deviation": ("rating", "std"), "first_at": ("created_at", "min"),
    "last_at": ("created_at", "max"),
}


def rated(facts, keys, **more):
    return facts.groupby(keys, sort=False, observed=True).agg(**RATED, **more).reset_index()


def tagged(facts, keys, other):
    return facts.groupby(keys, sort=False).agg(
        n_tags=("tag", "size"), n_others=(other, "nunique"), first_tag=("created_at", "min"),
        last_tag=("created_at", "max")).reset_index()


def build_dim_movies(movies, links):
    latest = movies.drop_duplicates("movieId", keep="last")
    pieces = latest[["movieId", "genres"]].assign(genre=latest["genres"].fillna("").str.split("|"))
    pieces = pieces.explode("genre")[["movieId", "genre"]]
    pieces["genre"] = pieces["genre"].str.strip(" \t")
    pieces = pieces[pieces["genre"] != ""].drop_duplicates()
    dim = latest[["movieId", "title"]].merge(pieces, on="movieId", how="left")
    dim["genre"] = dim["genre"].fillna("(no genres listed)")
    year = dim["title"].str.extract(r"\(([0-9]{4})\)\s*$", expand=False)
    dim["year"] = pd.to_numeric(year).astype("Int32")
    dim["genre_count"] = dim.groupby("movieId")["genre"].transform("size")
    dim = dim.merge(links.drop_duplicates("movieId", keep="last"), on="movieId", how="left")
    return dim.rename(columns={"movieId": "movie_id", "imdbId": "imdb_id", "tmdbId": "tmdb_id"})


def build_facts(source, dim_movies, columns, keys):
    facts = source.rename(columns={
        "userId": "user_id", "movieId": "movie_id", "timestamp": "created_at"})[columns]
    facts = facts[facts["movie_id"].isin(dim_movies["movie_id"].unique())]
    return facts.drop_duplicates(keys, keep="last")


def build_movie_mart(dim_movies, movie_ratings, fact_tags):
    mart = dim_movies.groupby("movie_id", sort=False).agg(
        title=("title", "first"), year=("year", "first"), genres=("genre", "|".join),
        genre_count=("genre_count", "first")).reset_index()
    mart = mart.merge(movie_ratings, on="movie_id", how="left")
    mart = mart.merge(tagged(fact_tags, "movie_id", "user_id"), on="movie_id", how="left")
    return pd.DataFrame({
        "movie_id": mart["movie_id"], "title": mart["title"], "year": mart["year"],
        "genres": mart["genres"], "genre_count": mart["genre_count"],
        "total_ratings": integers(mart["n"]), "avg_rating": mart["average"],
        "min_rating": mart["low"], "max_rating": mart["high"], "stddev_rating": mart["deviation"],
        "first_rating_date": at_time(mart["first_at"]),
        "last_rating_date": at_time(mart["last_at"]), "rating_span_days": span_days(mart),
        "total_tags": integers(mart["n_tags"]), "unique_taggers": integers(mart["n_others"]),
        "first_tag_date": at_time(mart["first_tag"]), "last_tag_date": at_time(mart["last_tag"]),
        "popularity_tier": tiers(mart["n"], [
            (10000, "Highly Popular"), (5000, "Very Popular"), (1000, "Popular"),
            (100, "Moderately Popular"), (1, "Niche")], "Unrated", "Unrated"),
        "rating_tier": tiers(mart["n"], [
            (100, "Highly Rated"), (50, "Well Rated"), (10, "Moderately Rated"),
            (1, "Limited Ratings")], "Unrated", "Unrated"),
        "quality_tier": tiers(mart["average"], [
            (4.0, "Excellent"), (3.5, "Good"), (3.0, "Average"), (2.0, "Below Average")],
            "Poor", "Unrated"),
    })


def preferred_genres(ratings_of_genres):
    """Of each user the genre with most ratings; ties by the higher average, then by name."""
    groups = ratings_of_genres.groupby(["user_id", "genre"], sort=False, observed=True)["rating"]
    groups = groups.agg(n_preferred="size", preferred_average="mean").reset_index()
    groups["genre"] = groups["genre"].astype(str)
    groups = groups.sort_values(["user_id", "n_preferred", "preferred_average", "genre"],
                                ascending=[True, False, False, True])
    return groups.drop_duplicates("user_id", keep="first")


def build_user_mart(dim_users, fact_ratings, fact_tags, ratings_of_genres):
    days = fact_ratings.assign(day=fact_ratings["created_at"] // SECONDS_PER_DAY)
    mart = dim_users.merge(
        rated(days, "user_id", n_movies=("movie_id", "nunique"), n_days=("day", "nunique")),
        on="user_id", how="left")
    mart = mart.merge(tagged(fact_tags, "user_id", "movie_id"), on="user_id", how="left")
    mart = mart.merge(preferred_genres(ratings_of_genres), on="user_id", how="left")
    return pd.DataFrame({
        "user_id": mart["user_id"], "total_ratings": integers(mart["n"]),
        "unique_movies_rated": integers(mart["n_movies"]), "avg_rating_given": mart["average"],
        "min_rating_given": mart["low"], "max_rating_given": mart["high"],
        "stddev_rating": mart["deviation"], "first_rating_date": at_time(mart["first_at"]),
        "last_rating_date": at_time(mart["last_at"]), "rating_span_days": span_days(mart),
        "active_days": integers(mart["n_days"]), "avg_ratings_per_day": mart["n"] / mart["n_days"],
        "total_tags": integers(mart["n_tags"]), "unique_movies_tagged": integers(mart["n_others"]),
        "first_tag_date": at_time(mart["first_tag"]), "last_tag_date": at_time(mart["last_tag"]),
        "preferred_genre": mart["genre"], "preferred_genre_count": integers(mart["n_preferred"]),
        "preferred_genre_avg_rating": mart["preferred_average"],
        "genre_engagement": tiers(mart["n_preferred"], [
            (500, "Very High"), (100, "High"), (20, "Medium"), (1, "Low")], "None", "None"),
        "user_segment": tiers(mart["n"], [
            (1000, "Power"), (500, "Heavy"), (100, "Active"), (20, "Regular")], "Light", "Light"),
        "rating_style": tiers(mart["average"], [
            (4.0, "Positive Rater"), (3.0, "Neutral Rater")], "Critical Rater", "No Ratings"),
    })


def build_genre_mart(dim_movies, fact_tags, ratings_of_genres):
    year = dim_movies["year"]
    listed = pd.DataFrame({
        "genre": dim_movies["genre"], "total_movies": 1,
        **{f"movies_{first}s": year.between(first, first + 9).fillna(False)
           for first in (2020, 2010, 2000, 1990, 1980)},
        "movies_before_1980": (year < 1980).fillna(False),
        "movies_other_year": (year >= 2030).fillna(True),
    }).groupby("genre", sort=False).sum().reset_index()
    mart = listed.merge(
        rated(ratings_of_genres, "genre", n_movies=("movie_id", "nunique"),
              n_raters=("user_id", "nunique")), on="genre", how="left")
    tags_of_genres = fact_tags.merge(dim_movies[["movie_id", "genre"]], on="movie_id")
    mart = mart.merge(tagged(tags_of_genres, "genre", "user_id"), on="genre", how="left")
    decades = [name for name in listed.columns if name.startswith("movies_")]
    return pd.DataFrame({
        "genres": mart["genre"], "total_movies": mart["total_movies"],
        "rated_movies": integers(mart["n_movies"]), "total_ratings": integers(mart["n"]),
        "unique_raters": integers(mart["n_raters"]), "avg_rating": mart["average"],
        "min_rating": mart["low"], "max_rating": mart["high"], "stddev_rating": mart["deviation"],
        "first_rating_date": at_time(mart["first_at"]),
        "last_rating_date": at_time(mart["last_at"]), "rating_span_days": span_days(mart),
        "total_tags": integers(mart["n_tags"]), "unique_taggers": integers(mart["n_others"]),
        **{name: mart[name].astype("int64") for name in decades},
        "avg_ratings_per_movie": integers(mart["n"]) / mart["total_movies"],
        "popularity_tier": tiers(mart["n"], [
            (100000, "Highly Popular"), (50000, "Very Popular"), (10000, "Popular"),
            (1000, "Moderately Popular"), (1, "Niche")], "Unrated", "Unrated"),
        "quality_tier": tiers(mart["average"], [
            (3.8, "Top Rated"), (3.5, "Well Rated"), (3.2, "Average Rated")],
            "Below Average", "Unrated"),
    })


def build_models(data):
    movies, ratings, tags, links = read_sources(data)
    users = np.union1d(ratings["userId"].unique(), tags["userId"].unique())
    dim_users = pd.DataFrame({"user_id": users})
    dim_movies = build_dim_movies(movies, links)
    fact_ratings = build_facts(ratings, dim_movies, ["user_id", "movie_id", "rating", "created_at"],
                               ["user_id", "movie_id", "created_at"])
    fact_tags = build_facts(tags[tags["tag"].notna()], dim_movies,
                            ["user_id", "movie_id", "tag", "created_at"], None)
    movie_ratings = rated(fact_ratings, "movie_id")
    by_genre = dim_movies[["movie_id", "genre", "title", "year"]].merge(
        movie_ratings[["movie_id", "n", "average", "low", "high"]], on="movie_id")
    ratings_of_genres = fact_ratings.merge(
        dim_movies[["movie_id", "genre"]].astype({"genre": "category"}), on="movie_id")
    return {
        "dim_users": dim_users,
        "dim_movies": dim_movies,
        "fact_ratings": fact_ratings,
        "fact_tags": fact_tags,
        "fact_movie_genre_ratings": by_genre.rename(columns={
            "n": "total_ratings", "average": "avg_rating", "low": "min_rating",
            "high": "max_rating"}),
        "mart_movie_analytics": build_movie_mart(dim_movies, movie_ratings, fact_tags),
        "mart_user_behavior": build_user_mart(dim_users, fact_ratings, fact_tags,
                                              ratings_of_genres),
        "mart_genre_performance": build_genre_mart(dim_movies, fact_tags, ratings_of_genres),
    }


def main():
    parser = argparse.ArgumentParser(description="The main job in pandas.")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, help="folder for the marts as CSV")
    arguments = parser.parse_args()
    models = build_models(arguments.data)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name, table in models.items():
            if name.startswith("mart_") or name == "fact_movie_genre_ratings":
                table.to_csv(arguments.out / f"{name}.csv", index=False,
                             date_format="%Y-%m-%d %H:%M:%S")
        print(json.dumps({"rows": {name: len(table) for name, table in models.items()}}))


if __name__ == "__main__":
    main()
