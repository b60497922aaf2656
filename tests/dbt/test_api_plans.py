"""Queries of the API use an index of the marts that dbt builds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from serving.endpoints import ENDPOINTS, Endpoint
from tests.dbt.project import Project

FULL_SCANS = {"leaderboards", "freshness"}
"""Endpoints that aggregate a whole mart."""
PARAMETERS = {
    "game": "dota2",
    "player_id": "7",
    "players": ["7", "8"],
    "prefix": "Se",
    "board": "dota2_matches",
    "window_days": 7,
    "rank_bracket": "all",
    "since": "2026-01-01",
    "character_id": "1",
    "team_id": "10",
    "league_id": "3",
    "limit": 51,
}
KEYSET_VALUES = {"text": "x", "integer": 5, "date": "2026-01-01", "timestamp": "2026-01-01 00:00+00"}


@pytest.mark.parametrize(
    "endpoint", [endpoint for endpoint in ENDPOINTS if endpoint.name not in FULL_SCANS], ids=lambda one: one.name
)
def test_no_query_scans_a_whole_mart(project: Project, endpoint: Endpoint) -> None:
    keyset = endpoint.pagination.keyset if endpoint.pagination is not None else ()
    positions: list[dict[str, Any]] = [{}, {f"after_{column.name}": KEYSET_VALUES[column.type] for column in keyset}]
    for statement in filter(None, (endpoint.sql, endpoint.exists_sql)):
        for position in positions:
            found = list(scans(plan(project, statement, {**PARAMETERS, **position})))
            assert found
            for scan in found:
                assert "Index Cond" in scan, scan


def test_the_player_search_is_an_index_range_scan_without_a_sort(project: Project) -> None:
    (search,) = (endpoint for endpoint in ENDPOINTS if endpoint.name == "player_search")
    found = plan(project, search.sql, PARAMETERS)
    (scan,) = scans(found)
    assert scan["Node Type"] == "Index Scan"
    assert re.search(r"lower\(display_name\).* >= 'se'.*lower\(display_name\).* < 'sf'", scan["Index Cond"])
    assert "Sort" not in str(found)


def plan(project: Project, statement: str, values: dict[str, Any]) -> dict[str, Any]:
    """PostgreSQL's plan with sequential and bitmap scans disabled, as for large tables."""
    built = statement.replace("marts.", "marts_blue.")
    given = {name: values.get(name) for name in re.findall(r"%\((\w+)\)s", built)}
    with psycopg.connect(project.database.admin_url) as connection:
        connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        row = connection.execute(f"EXPLAIN (FORMAT JSON) {built}", given).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0][0]["Plan"]
    return found


def scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan that scan a relation."""
    if "Relation Name" in node:
        yield node
    for below in node.get("Plans", ()):
        yield from scans(below)
