"""What it takes to keep everything on disk: our store beside DuckDB's database file and Parquet.

All of them hold the four sources and every dimension, fact and mart. "build" is the whole process
that reads the CSVs, builds all models and leaves them on disk, synced; "open" is the process that
then prints the first ten rows of a mart. Days of 1 % then come to a store and to a database. Node's
own start is in DuckDB's figures.
"""

import json
import pathlib
import shutil
import subprocess
import tempfile

from engines import DUCKDB_TUNED, duckdb_command, output_of

OUR_STORE = "libmedallion, store"
DUCKDB_FILE = "DuckDB, database file"
PARQUET = "DuckDB, Parquet with zstd"


def bytes_in(path):
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def build_ours(medallion, data, folder, threads, measured):
    store = folder / "store"
    build = measured([medallion, "build", data, "--store", store, "--quiet", "--threads",
                      str(threads)])
    opened = measured([medallion, "show", "mart_movie_analytics", "--store", store, "--limit",
                       "10", "--format", "csv"])
    return {OUR_STORE: {"build": build, "open": opened, "size_bytes": bytes_in(store)}}


def build_duckdb(data, folder, threads, measured):
    database = folder / "duckdb.db"

    def run(inside, *scripts):
        return measured([*duckdb_command(scripts, inside, threads), "--database", database])

    build = run(data, *DUCKDB_TUNED)
    opened = run(data, "duckdb_first_rows.sql")
    size_bytes = bytes_in(database)
    (folder / "parquet").mkdir()
    written = run(folder, "duckdb_parquet.sql")
    return {
        DUCKDB_FILE: {"build": build, "open": opened, "size_bytes": size_bytes},
        PARQUET: {"build": {key: build[key] + written[key] for key in
                            ("wall_seconds", "cpu_seconds")},
                  "size_bytes": bytes_in(folder / "parquet")},
    }


def run_store_job(medallion, data, threads, n_runs, with_duckdb, measured):
    """Every run in a new folder; {name: [runs]}."""
    runs = {}
    for _ in range(n_runs):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="medallion-bench-store-"))
        try:
            found = build_ours(medallion, data, folder, threads, measured)
            if with_duckdb:
                found.update(build_duckdb(data, folder, threads, measured))
        finally:
            shutil.rmtree(folder)
        for name, run in found.items():
            runs.setdefault(name, []).append(run)
    return runs


class DaysJob:
    """Days that come to what was built from `data`, ours first: it writes the files of the days."""

    def __init__(self, medallion, build, data, folder, measured):
        self.medallion, self.build, self.data = medallion, build, data
        self.folder, self.measured = folder, measured
        self.files, self.store = folder / "files", folder / "store"
        self.days = []

    def run_ours(self, is_checked):
        """{day: figures}; every day is a process of its own. Checked means that the models are
        compared with those of a full refresh after the last day."""
        self.files.mkdir()
        command = [self.build / "bench" / "increment", self.data, self.store, "--files", self.files,
                   "--json", *(["--check"] if is_checked else [])]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        self.days = json.loads(done.stdout)
        return {day["name"]: {key: value for key, value in day.items() if key != "name"}
                for day in self.days}

    def run_duckdb(self, threads, is_checked):
        """{day: figures}, and how the models differ from ours after the last day."""
        database = self.folder / "duckdb.db"

        def command(inside, *scripts):
            return [*duckdb_command(scripts, inside, threads), "--database", database]

        found = {"first": self.measured(command(self.data, *DUCKDB_TUNED))}
        names = [day["name"] for day in self.days[1:] if day["name"] != "nothing"]
        for name in names:
            found[name] = self.measured(
                command(self.files / name, "duckdb_day.sql", "duckdb_tuned_marts.sql"))
        if not is_checked:
            return found, []
        ours = self.folder / "ours"
        subprocess.run([self.medallion, "build", "--store", self.store, "--out", ours, "--quiet"],
                       check=True)
        return found, output_of([*command(self.data), "--compare", ours])["differences"]
