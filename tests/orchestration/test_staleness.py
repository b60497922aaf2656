"""Which nodes of a build have to run: those below a change, as far as it reaches."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.dbt.graph import PROJECT, Graph, Model
from orchestration.dbt.graph import Test as DataTest
from orchestration.dbt.staleness import Staleness


def _model(name: str, *upstream: str, materialized: str = "incremental", reads_clock: bool = False) -> Model:
    return Model(name, name, "prep", "model", materialized, "", {}, upstream, False, reads_clock)


def _test(name: str, *upstream: str) -> DataTest:
    return DataTest(name, name, "", upstream[0], upstream, False)


#: A source, a staging view, a fact, a view of it, totals, a mart of both sources, and tests.
GRAPH = Graph(
    models=(
        _model("stg_matches", "matches", materialized="view"),
        _model("stg_players", "players", materialized="view"),
        _model("fct_matches", "stg_matches"),
        _model("int_matches", "fct_matches", materialized="view"),
        _model("totals", "int_matches"),
        _model("dim_players", "stg_players"),
        _model("board", "totals", "dim_players"),
        _model("today", "totals", reads_clock=True),
    ),
    tests=(_test("matches_are_right", "fct_matches"), _test("board_has_players", "board", "dim_players")),
    sources=(),
)


def test_every_model_that_reads_todays_date_declares_it() -> None:
    # `sample.sql` limits what a developer builds; only models of the colours can be stale.
    readers = {path for path in PROJECT.rglob("*.sql") if "today()" in path.read_text()}
    readers -= {PROJECT / "macros" / "portable" / "times.sql", PROJECT / "macros" / "incremental" / "sample.sql"}
    assert {path.name for path in readers} == {"int_as_of_date.sql"}
    assert all("'reads_clock': true" in path.read_text() for path in readers)


def _build(changed_sources: Sequence[str], writes: dict[str, int | None]) -> list[str]:
    """What a build runs, when models write so many rows; one by default."""
    staleness = Staleness(GRAPH, changed_sources)
    ran = []
    for node in (*GRAPH.models, *GRAPH.tests):
        if getattr(node, "materialized", "test") != "view" and staleness.is_stale(node.unique_id):
            ran.append(node.unique_id)
            if isinstance(node, Model):
                staleness.record(node.unique_id, writes.get(node.unique_id, 1))
    return ran


@pytest.mark.parametrize(
    ("changed", "writes", "ran"),
    [
        pytest.param([], {}, ["today"], id="nothing: what reads the clock alone"),
        pytest.param(
            ["matches"],
            {},
            ["fct_matches", "totals", "board", "today", "matches_are_right", "board_has_players"],
            id="a source: all below it, through views",
        ),
        pytest.param(
            ["matches"],
            {"fct_matches": 0},
            ["fct_matches", "today"],
            id="a fact that came out as it was ends the chain, its tests included",
        ),
        pytest.param(
            ["matches"],
            {"totals": 0, "today": 0},
            ["fct_matches", "totals", "today", "matches_are_right"],
            id="so does a table further down",
        ),
        pytest.param(
            ["players", "matches"],
            {"fct_matches": 0},
            ["fct_matches", "dim_players", "board", "today", "board_has_players"],
            id="another path still reaches what both feed",
        ),
        pytest.param(
            ["matches"],
            {"fct_matches": None},
            ["fct_matches", "totals", "board", "today", "matches_are_right", "board_has_players"],
            id="an unknown number of rows is a change",
        ),
    ],
)
def test_a_build_runs_what_is_below_a_change(changed: list[str], writes: dict[str, int | None], ran: list[str]) -> None:
    assert _build(changed, writes) == ran


_TABLES = [model.unique_id for model in GRAPH.models if model.materialized != "view"]


@given(
    changed=st.sets(st.sampled_from(["matches", "players"])),
    unchanged=st.sets(st.sampled_from(_TABLES)),
    more=st.sampled_from(["matches", "players"]),
)
def test_more_changes_never_run_less(changed: set[str], unchanged: set[str], more: str) -> None:
    writes: dict[str, int | None] = dict.fromkeys(unchanged, 0)
    assert set(_build(sorted(changed), writes)) <= set(_build(sorted({*changed, more}), writes))
