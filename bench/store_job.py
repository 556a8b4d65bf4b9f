"""What it takes to keep everything on disk: our store beside DuckDB's database file and Parquet.

All of them hold the four sources and every dimension, fact and mart. "build" is the whole process
that reads the CSVs, builds all models and leaves them on disk, synced; "open" is the process that
then prints the first ten rows of a mart. Node's own start is in DuckDB's figures.
"""

import pathlib
import shutil
import tempfile

from engines import PEERS

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

    def run(script, inside):
        return measured(["node", PEERS / "duckdb.mjs", PEERS / script, inside, "--threads",
                         str(threads), "--database", database])

    build = run("duckdb_tuned.sql", data)
    opened = run("duckdb_first_rows.sql", data)
    size_bytes = bytes_in(database)
    (folder / "parquet").mkdir()
    written = run("duckdb_parquet.sql", folder)
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
