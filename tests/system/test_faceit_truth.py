"""The marts equal the truth of FACEIT's simulated world under every fault of the upstreams."""

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
from tests.system.faults import KINDS, SCENARIOS, every_fault
from tests.system.pipeline import Pipeline

PLAYERS = 10


#: Each match needs three requests, each of which may have any fault; a month has some hundreds of matches.
_DAYS = {3: 30, 11: 60}


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "steps"), SCENARIOS)
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
            pipeline.sync_until_complete()
            pipeline.build()
            _assert_equal_to_truth(pipeline, sandbox, players)
        assert sandbox.faceit.fault_injector.malformed, "no record was malformed: the faults had no effect"
        assert {entry.fault for entry in sandbox.faceit.log.entries if entry.fault} >= KINDS


def _assert_equal_to_truth(pipeline: Pipeline, sandbox: Sandbox, players: list[str]) -> None:
    expected = truth(sandbox.faceit.world, players)
    assert_matches_are_true(pipeline.any_rows, expected)
    assert_ranks_are_true(pipeline.any_rows, expected)
    _assert_observations(pipeline, sandbox, players)


def _assert_observations(pipeline: Pipeline, sandbox: Sandbox, players: list[str]) -> None:
    """Every elo in a received profile is stored."""
    shown = {
        (one.player_id, one.game, one.faceit_elo) for one in sandbox.faceit.observed_elos if one.player_id in players
    }
    kept = set(
        pipeline.staging(
            "SELECT player_id, game, faceit_elo FROM staging_faceit.player_elos WHERE game IN ('cs2', 'dota2')"
        )
    )
    assert {one for one in kept if one[0] in players and one[2]} == shown
