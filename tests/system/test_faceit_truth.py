"""FACEIT's simulated truth equals the marts, whatever the upstream throws meanwhile, beside OpenDota's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from sandbox.faceit.truth import truth
from sandbox.server import Sandbox, serve
from sandbox.world import World
from tests.conftest import Database
from tests.system.clocks import SteppingClock
from tests.system.faceit_truth import assert_matches_are_true, assert_ranks_are_true
from tests.system.faults import COURSES, KINDS, every_fault
from tests.system.pipeline import Pipeline

PLAYERS = 10


#: Every match costs three requests, each of which may meet any fault: a month has some hundreds.
_DAYS = {3: 30, 11: 60}


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "steps"), COURSES)
def test_marts_equal_faceits_truth_under_every_fault(database: Database, seed: int, steps: Sequence[int]) -> None:
    world = World(seed=seed, players=60, days=_DAYS[seed])
    clock = SteppingClock()
    with serve(world, faults=every_fault(seed)) as sandbox:
        sandbox.faceit.world.catch_up()
        pipeline = Pipeline.on(database, sandbox.url, clock=clock, match_budget=5000, faceit_url=sandbox.faceit_url)
        players = sandbox.faceit.world.suggested_players(PLAYERS)
        pipeline.track("player", *players, source="faceit")
        pipeline.track("player", *world.suggested_players(2))
        for days in steps:
            sandbox.advance(days=days)
            clock.ahead += timedelta(days=days)
            pipeline.ingest_until_all_is_read()
            pipeline.build()
            _assert_equal_to_truth(pipeline, sandbox, players)
        assert sandbox.faceit.fault_injector.malformed, "no record was malformed: the faults did not bite"
        assert {entry.fault for entry in sandbox.faceit.log.entries if entry.fault} >= KINDS


def _assert_equal_to_truth(pipeline: Pipeline, sandbox: Sandbox, players: list[str]) -> None:
    told = truth(sandbox.faceit.world, players)
    assert_matches_are_true(pipeline.any_rows, told)
    assert_ranks_are_true(pipeline.any_rows, told)
    _assert_observations(pipeline, sandbox, players)


def _assert_observations(pipeline: Pipeline, sandbox: Sandbox, players: list[str]) -> None:
    """Every elo that a profile showed is kept as it was seen."""
    shown = {
        (one.player_id, one.game, one.faceit_elo) for one in sandbox.faceit.observed_elos if one.player_id in players
    }
    kept = set(
        pipeline.staging(
            "SELECT player_id, game, faceit_elo FROM staging_faceit.player_elos WHERE game IN ('cs2', 'dota2')"
        )
    )
    assert {one for one in kept if one[0] in players and one[2]} == shown
