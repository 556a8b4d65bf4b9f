"""The engines that bench/run measures: how to install, start and check each of them.

An engine is a process that reads the four CSVs and builds all models. `command` starts it for a
measurement; `differences` runs it once more and says what its answers have different from ours.
"""

import dataclasses
import functools
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import Callable

import answers

BENCH = pathlib.Path(__file__).resolve().parent
PEERS = BENCH / "peers"
OURS = "libmedallion"


class Unavailable(Exception):
    """Why an engine is left out."""


@dataclasses.dataclass(frozen=True)
class Engine:
    key: str  # for --engines
    name: str
    prepare: Callable[[], None]  # installs what it needs; Unavailable where that cannot be had
    command: Callable[[pathlib.Path, int], list]  # of data and threads
    differences: Callable[[list, pathlib.Path, dict], list]  # of command, our CSVs, our row counts
    is_small_only: bool = False  # measured at the small scale: the big one takes it minutes


def say(message):
    print(message, file=sys.stderr, flush=True)


def install_packages(*names):
    subprocess.run([BENCH.parent / "scripts" / "install-packages", *names], check=True)


# --- what engines need ---------------------------------------------------------------------------


@functools.cache
def prepare_node():
    """Node as it is, or Debian's where there is none; then what package-lock.json pins."""
    if not shutil.which("node"):
        install_packages("nodejs", "npm")
    if not shutil.which("npm"):
        raise Unavailable("npm is not installed beside node")
    lock, installed = PEERS / "package-lock.json", PEERS / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        say("installing DuckDB and Polars (npm ci in bench/peers)")
        done = subprocess.run(["npm", "ci", "--silent"], cwd=PEERS)
        if done.returncode != 0:
            raise Unavailable("npm ci failed in bench/peers")


def prepare_module(name):
    prepare_node()
    done = subprocess.run(["node", "--input-type=module", "--eval", f"await import('{name}')"],
                          cwd=PEERS, capture_output=True)
    if done.returncode != 0:
        raise Unavailable(f"{name} does not load in this node")


def prepare_sqlite():
    if not shutil.which("sqlite3"):
        install_packages("sqlite3")


@functools.cache
def python_with_pandas():
    """The first Python that has pandas: Debian's package serves /usr/bin/python3 alone."""
    for python in (sys.executable, "/usr/bin/python3"):
        if shutil.which(python):
            done = subprocess.run([python, "-c", "import pandas"], capture_output=True)
            if done.returncode == 0:
                return python
    return None


def prepare_pandas():
    if python_with_pandas() is None:
        raise Unavailable("not installed (scripts/install-packages python3-pandas)")


# --- whether the answers agree -------------------------------------------------------------------


def output_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.stdout:
        sys.exit(f"bench/run: {' '.join(map(str, command))}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def differences_by_duckdb(command, ours, our_rows):
    """DuckDB reads our CSVs and compares every cell of every model itself."""
    del our_rows
    return output_of([*command, "--compare", ours])["differences"]


def differences_by_output(command, ours, our_rows):
    """The peer writes its marts, which are compared cell by cell; of the others rows count."""
    with tempfile.TemporaryDirectory(prefix="medallion-bench-") as theirs:
        their_rows = output_of([*command, "--out", theirs])["rows"]
        return answers.differences(ours, our_rows, pathlib.Path(theirs), their_rows)


# --- the peers -----------------------------------------------------------------------------------


DUCKDB_TUNED = ("duckdb_tuned.sql", "duckdb_tuned_marts.sql")


def duckdb_command(scripts, folder, threads):
    return ["node", PEERS / "duckdb.mjs", *(PEERS / script for script in scripts), folder,
            "--threads", str(threads)]


def duckdb(key, name, *scripts):
    return Engine(
        key=key, name=name, prepare=lambda: prepare_module("@duckdb/node-api"),
        command=lambda data, threads: duckdb_command(scripts, data, threads),
        differences=differences_by_duckdb)


PEER_ENGINES = [
    duckdb("duckdb", "DuckDB, idiomatic", "duckdb_idiomatic.sql"),
    duckdb("duckdb-tuned", "DuckDB, tuned", *DUCKDB_TUNED),
    Engine(
        key="polars", name="Polars, streaming", prepare=lambda: prepare_module("nodejs-polars"),
        command=lambda data, threads: ["node", PEERS / "polars.mjs", data,
                                       "--threads", str(threads)],
        differences=differences_by_output),
    Engine(
        key="sqlite", name="SQLite", prepare=prepare_sqlite, is_small_only=True,
        command=lambda data, threads: [sys.executable, PEERS / "sqlite_job.py", data,
                                       "--threads", str(threads)],
        differences=differences_by_output),
    Engine(
        key="pandas", name="pandas", prepare=prepare_pandas, is_small_only=True,
        command=lambda data, threads: [python_with_pandas(), PEERS / "pandas_job.py", data],
        differences=differences_by_output),
]


def versions():
    """Of the peers and what runs them, as far as they are there."""
    lock = json.loads((PEERS / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    found = {
        "duckdb": lock["node_modules/@duckdb/node-api"]["version"],
        "polars": lock["node_modules/nodejs-polars"]["version"],
    }
    for name, command in {
        "node": ["node", "--version"],
        "sqlite": ["sqlite3", "--version"],
        "pandas": [python_with_pandas() or sys.executable, "-c",
                   "import pandas; print(pandas.__version__)"],
    }.items():
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode == 0:
                found[name] = done.stdout.split()[0]
    return found
