"""`ladder query`: SQL as the analyst, in four formats, on standard output."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import polars as pl
import pytest

from tests.orchestration.conftest import Filled

_VALUES = """
select 1::bigint as number, null::text as nothing, '' as empty, 1.50::numeric as exact, true as yes,
    timestamptz '2026-01-02 03:04:05+00' as happened_at, date '2026-01-02' as day, array[1, 2] as list
"""


def test_json_is_an_array_of_objects_and_nothing_else(filled: Filled) -> None:
    ended = filled.ladder("query", _VALUES, "--format", "json")
    assert ended.code == 0
    assert ended.errors == ""
    assert json.loads(ended.output) == [
        {
            "number": 1,
            "nothing": None,
            "empty": "",
            "exact": 1.5,
            "yes": True,
            "happened_at": "2026-01-02T03:04:05Z",
            "day": "2026-01-02",
            "list": [1, 2],
        }
    ]


def test_json_of_no_rows_is_an_empty_array(filled: Filled) -> None:
    assert json.loads(filled.ladder("query", "select 1 where false", "--format", "json").output) == []


def test_csv_distinguishes_null_from_an_empty_string(filled: Filled) -> None:
    output = filled.ladder("query", "select null as nothing, '' as empty, 'a,\"b' as odd;", "--format", "csv").output
    assert output.splitlines() == ["nothing,empty,odd", ',"","a,""b"']


def test_parquet_has_the_columns_types(filled: Filled, tmp_path: Path) -> None:
    target = tmp_path / "answer.parquet"
    assert filled.ladder("query", _VALUES, "--format", "parquet", "--output", str(target)).code == 0
    frame = pl.read_parquet(target)
    assert frame.schema["number"] == pl.Int64
    assert frame.schema["happened_at"] == pl.Datetime("us", "UTC")
    assert frame.row(0)[:5] == (1, None, "", 1.5, True)
    assert frame["list"].to_list() == ["[1,2]"]


def test_every_format_has_every_row_of_a_large_result(filled: Filled, tmp_path: Path) -> None:
    query = "select n, n * 0.5 as half from generate_series(1, 25000) as n order by n"
    rows = list(csv.reader(filled.ladder("query", query, "--format", "csv").output.splitlines()))
    assert len(rows) == 25_001
    assert len(json.loads(filled.ladder("query", query, "--format", "json").output)) == 25_000
    target = tmp_path / "answer.parquet"
    filled.ladder("query", query, "--format", "parquet", "--output", str(target))
    assert pl.read_parquet(target)["n"].to_list() == list(range(1, 25_001))


def test_a_table_shows_the_first_rows_and_notes_the_limit(filled: Filled) -> None:
    ended = filled.ladder("query", "select generate_series(1, 30) as n", "--limit", "10")
    assert len(ended.output.splitlines()) == 11
    assert "first 10 rows" in ended.errors


def test_a_table_is_not_written_to_a_file(filled: Filled, tmp_path: Path) -> None:
    ended = filled.ladder("query", "select 1", "--output", str(tmp_path / "rows"))
    assert (ended.code, ended.output, list(tmp_path.iterdir())) == (1, "", [])
    assert ended.errors.endswith("add --format csv\n")


def test_a_table_shows_numbers_with_all_digits(filled: Filled) -> None:
    shown = filled.ladder(
        "query", "select 80.999995 as a, 1234567.5::float8 as b, 'NaN'::float8 as c, 1e-7 as d"
    ).output
    for text in ("80.999995", "1234567.5", "nan", "0.0000001"):
        assert text in shown


def test_tables_are_found_without_their_schema(filled: Filled) -> None:
    counted = filled.ladder("query", "select count(*) as n from dim_players", "--format", "json")
    assert json.loads(counted.output)[0]["n"] > 0


@pytest.mark.parametrize(
    ("statement", "cause"),
    [
        ("select * from nothing_here", "nothing_here"),
        ("selec 1", "syntax error"),
        ("table staging_opendota.players", "permission denied"),
        ("table ops.tracked", "permission denied"),
        ("table dagster.runs", "permission denied"),
        ("", "syntax error"),
    ],
)
@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_rejected_query_fails_in_one_line_with_the_cause(
    filled: Filled, statement: str, cause: str, form: str
) -> None:
    ended = filled.ladder("query", statement, "--format", form)
    assert ended.code == 1
    assert ended.output == ""
    assert len(ended.errors.splitlines()) == 1
    assert cause in ended.errors


@pytest.mark.parametrize("statement", ["delete from marts.leaderboard_entries", "create table mine (n int)"])
def test_the_analyst_changes_nothing(filled: Filled, statement: str) -> None:
    assert filled.ladder("query", statement).code == 1


def test_psql_logs_in_as_the_analyst(filled: Filled) -> None:
    ended = filled.ladder("psql", "--no-psqlrc", "-Atc", "select current_user")
    assert (ended.code, ended.output) == (0, "ladder_analyst\n")
