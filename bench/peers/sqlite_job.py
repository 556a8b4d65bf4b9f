#!/usr/bin/env python3
"""The main job in SQLite's command line program: runs sqlite.sql in the folder of the CSVs.

    sqlite_job.py DATA_DIR [--threads N] [--out DIR]

The program takes this one's place, so that what is measured is SQLite. With --out the marts and
fact_movie_genre_ratings are then written as CSV, and the numbers of rows of all models go to stdout
as JSON.
"""

import argparse
import os
import pathlib

SQL = pathlib.Path(__file__).resolve().parent / "sqlite.sql"
MODELS = ["dim_users", "dim_movies", "fact_ratings", "fact_tags", "fact_movie_genre_ratings",
          "mart_movie_analytics", "mart_user_behavior", "mart_genre_performance"]


def commands_for_output(out):
    out.mkdir(parents=True, exist_ok=True)
    commands = [".headers on", ".mode csv"]
    for model in MODELS:
        if model.startswith("mart_") or model == "fact_movie_genre_ratings":
            commands += [f".once '{out}/{model}.csv'", f"SELECT * FROM {model}"]
    counts = ", ".join(f"'{model}', (SELECT count(*) FROM {model})" for model in MODELS)
    return commands + [".headers off", ".mode list",
                       f"SELECT json_object('rows', json_object({counts}))"]


def main():
    parser = argparse.ArgumentParser(description="The main job in SQLite.")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2, help="helpers of its sorter")
    parser.add_argument("--out", type=pathlib.Path, help="folder for the marts as CSV")
    arguments = parser.parse_args()
    more = commands_for_output(arguments.out.resolve()) if arguments.out else []
    os.chdir(arguments.data)
    os.execvp("sqlite3", ["sqlite3", "-bail", ":memory:", f"PRAGMA threads = {arguments.threads}",
                          f".read '{SQL}'", *more])


if __name__ == "__main__":
    main()
