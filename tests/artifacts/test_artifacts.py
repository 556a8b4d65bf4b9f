#!/usr/bin/env python3
"""dbt's artifacts as `medallion build --artifacts` writes them: the members that dbt's published schemas
require and allow (manifest v12, run results v6, catalog v1), and whether they tell the truth about
models, tests, snapshots and lineage.

Usage: test_artifacts.py MEDALLION
"""
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

MEDALLION = None

# Members of objects: required ones, and those that are allowed besides. Written after the schemas.
PLACE = "database schema"
IDENTITY = "name resource_type package_name path original_file_path unique_id fqn"
FILE = "alias checksum"
NODE_OPTIONS = ("config tags description columns meta group docs relation_name raw_code language refs sources "
                "metrics depends_on compiled compiled_code contract created_at")
SHAPES = {
    "metadata": ("dbt_schema_version", "dbt_version generated_at invocation_id env project_name project_id "
                                       "user_id send_anonymous_usage_stats adapter_type"),
    "model": (f"{PLACE} {IDENTITY} {FILE}", f"{NODE_OPTIONS} access constraints version latest_version "
                                            "deprecation_date defer_relation primary_key time_spine"),
    "snapshot": (f"{PLACE} {IDENTITY} {FILE} config", f"{NODE_OPTIONS} defer_relation"),
    "test": (f"{PLACE} {IDENTITY} {FILE}", f"{NODE_OPTIONS} column_name file_key_name attached_node "
                                           "test_metadata"),
    "source": (f"{PLACE} {IDENTITY} source_name source_description loader identifier",
               "quoting loaded_at_field freshness external description columns meta source_meta tags config "
               "patch_path unrendered_config relation_name created_at"),
    "exposure": (f"{IDENTITY} type owner", "description label maturity meta tags config unrendered_config url "
                                           "depends_on refs sources metrics created_at"),
    "manifest": ("metadata nodes sources macros docs exposures metrics groups selectors disabled parent_map "
                 "child_map group_map saved_queries semantic_models unit_tests", ""),
    "result": ("status timing thread_id execution_time adapter_response message failures unique_id compiled "
               "compiled_code relation_name", "batch_results"),
    "run_results": ("metadata results elapsed_time", "args"),
    "catalog": ("metadata nodes sources", "errors _compile_results"),
    "catalog_table": ("metadata columns stats", "unique_id"),
    "catalog_column": ("type index name", "comment"),
    "catalog_stat": ("id label value include", "description"),
}
STATES = {"model": {"success", "error", "skipped"}, "snapshot": {"success", "error", "skipped"},
          "test": {"pass", "error", "fail", "warn", "skipped"}}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

FILES = {
    "movies.csv": "movieId,title,genres\n1,Heat (1995),Action|Crime\n2,\"Up, Up (2009)\",Comedy\n",
    "ratings.csv": "userId,movieId,rating,timestamp\n1,1,4.0,100\n1,2,9.5,200\n2,1,3.5,300\n",
    "tags.csv": "userId,movieId,tag,timestamp\n1,1,slow,400\n",
    "links.csv": "movieId,imdbId,tmdbId\n1,0113277,949\n",
}


class Shapes:
    """What holds of the artifacts of every run; `make` makes the run, and the artifacts in a folder."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        root = pathlib.Path(cls.folder.name)
        (root / "data").mkdir()
        for name, text in FILES.items():
            (root / "data" / name).write_text(text, encoding="utf-8")
        cls.make(root, root / "target")
        cls.manifest, cls.catalog, cls.results = (
            json.loads((root / "target" / name).read_text(encoding="utf-8"))
            for name in ("manifest.json", "catalog.json", "run_results.json"))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @staticmethod
    def run_medallion(*words, status=0):
        done = subprocess.run([MEDALLION, *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode != status:
            raise AssertionError(f"{words} ended with {done.returncode}:\n{done.stderr}")
        return done

    def check_shape(self, value, shape, where):
        required, optional = (set(text.split()) for text in SHAPES[shape])
        self.assertEqual(required - value.keys(), set(), where)
        self.assertEqual(value.keys() - required - optional, set(), where)

    def test_shapes_are_those_of_the_schemas(self):
        self.check_shape(self.manifest, "manifest", "manifest")
        self.check_shape(self.results, "run_results", "run results")
        self.check_shape(self.catalog, "catalog", "catalog")
        for artifact in (self.manifest, self.results, self.catalog):
            self.check_shape(artifact["metadata"], "metadata", "metadata")
            self.assertRegex(artifact["metadata"]["generated_at"], TIME)
        for group in ("nodes", "sources", "exposures"):
            for unique_id, node in self.manifest[group].items():
                self.check_shape(node, node["resource_type"], unique_id)
                self.assertEqual(node["unique_id"], unique_id)
        for result in self.results["results"]:
            self.check_shape(result, "result", result["unique_id"])
            self.assertIn(result["status"], STATES[result["unique_id"].split(".")[0]])
            for timing in result["timing"]:
                self.assertRegex(timing["started_at"], TIME)
                self.assertLessEqual(timing["started_at"], timing["completed_at"])
        for group in ("nodes", "sources"):
            for unique_id, table in self.catalog[group].items():
                self.check_shape(table, "catalog_table", unique_id)
                for column in table["columns"].values():
                    self.check_shape(column, "catalog_column", unique_id)
                for stat in table["stats"].values():
                    self.check_shape(stat, "catalog_stat", unique_id)

    def test_results_are_of_nodes(self):
        ids = [result["unique_id"] for result in self.results["results"]]
        self.assertEqual(set(ids) - set(self.manifest["nodes"]), set())
        self.assertEqual(len(ids), len(set(ids)))

    def count_states(self):
        return collections.Counter(result["status"] for result in self.results["results"])


class ArtifactsOfTests(Shapes, unittest.TestCase):
    @classmethod
    def make(cls, root, target):
        cls.run_medallion("build", root / "data", "--store", root / "store", "--quiet")
        cls.run_medallion("test", "--store", root / "store", "--artifacts", target, "--quiet")

    def test_only_tests_have_results(self):
        self.assertEqual({r["unique_id"].split(".")[0] for r in self.results["results"]}, {"test"})
        self.assertEqual(self.results["args"]["which"], "test")


class ArtifactsOfAFailedRun(Shapes, unittest.TestCase):
    """A snapshot of a time before its history fails."""
    @classmethod
    def make(cls, root, target):
        day = root / "27012026_ratings.csv"
        day.write_text("userId,movieId,rating,timestamp\n3,1,1.0,500\n", encoding="utf-8")
        store = ("--store", root / "store", "--quiet")
        cls.run_medallion("build", root / "data", *store, "--run-time", "2026-01-26 00:00:00")
        cls.run_medallion("build", day, *store, "--run-time", "2026-01-01 00:00:00", "--artifacts", target, status=1)

    def test_failures_have_messages(self):
        states = self.count_states()
        self.assertGreater(min(states["error"], states["skipped"], states["pass"]), 0, states)
        for result in self.results["results"]:
            if result["status"] in ("error", "skipped"):
                self.assertTrue(result["message"], result["unique_id"])


class ArtifactsOfARetry(Shapes, unittest.TestCase):
    @classmethod
    def make(cls, root, target):
        ArtifactsOfAFailedRun.make.__func__(cls, root, root / "failed")
        cls.run_medallion("retry", "--store", root / "store", "--artifacts", target, "--quiet")

    def test_only_what_failed_has_results(self):
        states = self.count_states()
        self.assertEqual(set(states) - {"success", "pass"}, set())
        self.assertNotIn("model.streamflix.dim_users", {r["unique_id"] for r in self.results["results"]})
        self.assertEqual(self.results["args"]["which"], "retry")


class Artifacts(Shapes, unittest.TestCase):
    @classmethod
    def make(cls, root, target):
        cls.run_medallion("build", root / "data", "--store", root / "store", "--artifacts", target, "--quiet")
        cls.listing = json.loads(cls.run_medallion("ls", "--format", "json").stdout)

    def test_schemas_are_named(self):
        for artifact, schema in ((self.manifest, "manifest/v12"), (self.results, "run-results/v6"),
                                 (self.catalog, "catalog/v1")):
            self.assertEqual(artifact["metadata"]["dbt_schema_version"],
                             f"https://schemas.getdbt.com/dbt/{schema}.json")
        ids = {a["metadata"]["invocation_id"] for a in (self.manifest, self.results, self.catalog)}
        self.assertEqual(len(ids), 1)

    def test_nodes_are_the_tables_that_there_are(self):
        kinds = {table["name"]: table["kind"] for table in self.listing}
        named = {node["name"]: node for group in ("nodes", "sources")
                 for node in self.manifest[group].values() if node["resource_type"] != "test"}
        self.assertEqual(set(named), set(kinds))
        for name, node in named.items():
            expected = kinds[name] if kinds[name] in ("source", "snapshot") else "model"
            self.assertEqual(node["resource_type"], expected, name)
            if expected != "source":
                self.assertEqual(node["config"]["materialized"], kinds[name])

    def test_lineage_goes_both_ways(self):
        parents, children = self.manifest["parent_map"], self.manifest["child_map"]
        edges = {(parent, child) for child, ids in parents.items() for parent in ids}
        self.assertEqual(edges, {(parent, child) for parent, ids in children.items() for child in ids})
        known = {*self.manifest["nodes"], *self.manifest["sources"], *self.manifest["exposures"]}
        self.assertEqual({end for edge in edges for end in edge} - known, set())
        refs = {table["name"]: set(table["refs"]) for table in self.listing}
        mart = "model.streamflix.mart_movie_analytics"
        self.assertEqual({unique_id.split(".")[-1] for unique_id in parents[mart]},
                         refs["mart_movie_analytics"])
        self.assertEqual(set(self.manifest["nodes"][mart]["depends_on"]["nodes"]), set(parents[mart]))

    def test_results_tell_what_became_of_nodes(self):
        results = {result["unique_id"]: result for result in self.results["results"]}
        mart = results["model.streamflix.mart_movie_analytics"]
        self.assertEqual((mart["status"], mart["adapter_response"]["rows_affected"]), ("success", 2))
        warned = [r for r in results.values() if r["status"] == "warn" and "rating" in r["unique_id"]]
        self.assertEqual([r["failures"] for r in warned], [1])  # the rating of 9.5
        test = self.manifest["nodes"][warned[0]["unique_id"]]
        self.assertEqual(test["config"]["severity"], "WARN")
        self.assertEqual(test["attached_node"], "source.streamflix.movielens.ratings")

    def test_catalog_has_rows_and_columns(self):
        ratings = self.catalog["sources"]["source.streamflix.movielens.ratings"]
        self.assertEqual(ratings["stats"]["num_rows"]["value"], 3)
        self.assertEqual([c["name"] for c in sorted(ratings["columns"].values(), key=lambda c: c["index"])],
                         ["userId", "movieId", "rating", "timestamp"])
        self.assertEqual(ratings["columns"]["rating"]["type"], "DECIMAL(9,2)")
        view = self.catalog["nodes"]["model.streamflix.src_movies"]
        self.assertEqual(view["metadata"]["type"], "VIEW")


if __name__ == "__main__":
    MEDALLION = sys.argv.pop(1)
    unittest.main()
