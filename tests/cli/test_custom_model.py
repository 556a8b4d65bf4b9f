#!/usr/bin/env python3
"""The example of a model of one's own: its table, and the tests that are declared beside its columns.

Usage: test_custom_model.py CUSTOM_MODEL [NAME…]      (names of tests; default: all)
"""
import sys

from cli_support import TAGS, check, check_equal, check_fails, main, run_well, run, write_data

KEY_TESTS = ["pass  not_null_mart_top_tags_genre", "pass  unique_mart_top_tags_genre"]
OWN_TESTS = ["pass  expression_is_true_mart_top_tags_tag__tag_lower_trim_tag_",
             "pass  relationships_mart_top_tags_genre__genre__ref_dim_movies_"]
RANGE_TEST = "accepted_range_mart_top_tags_n_users"


def test_table_and_tests(folder):
    result = run_well(write_data(folder / "data", tags=TAGS + "7,1, FUNNY,1445714999\r\n"))
    rows = [line.split() for line in result.out.splitlines()]
    check_equal(rows[0], ["Adventure", "funny", "2"], result)
    check_equal(len(rows), 6, result)  # five genres of a movie, and Drama
    check_equal(sorted(result.err.splitlines()), sorted([*KEY_TESTS, *OWN_TESTS, f"pass  {RANGE_TEST}: 1 of 6 rows failed"]))


def test_warning(folder):
    result = run_well(write_data(folder / "data"))
    check(f"warn  {RANGE_TEST}: 6 of 6 rows failed\n" in result.err, result)


def test_no_data(folder):
    check_fails(run(folder / "nothing"), 1, "custom_model: ")


if __name__ == "__main__":
    sys.exit(main(globals()))
