"""The marts equal the truth of the simulated world under every fault of the upstream."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import httpx
import polars as pl
import pytest

from sandbox.server import Sandbox, serve
from sandbox.truth import truth
from sandbox.world import World
from tests.conftest import Database
from tests.system.clocks import SteppingClock
from tests.system.faults import KINDS, SCENARIOS, every_fault
from tests.system.pipeline import Pipeline
from tests.system.test_recordings import assert_equal_to_oracle

PLAYERS = 12


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "steps"), SCENARIOS)
def test_marts_equal_the_worlds_truth_under_every_fault(database: Database, seed: int, steps: Sequence[int]) -> None:
    world = World(seed=seed, players=60, days=120)
    clock = SteppingClock()
    accounts = world.suggested_players(PLAYERS)
    with serve(world, faults=every_fault(seed)) as sandbox:
        # No details, which would add players that are not tracked: the truth about heroes covers tracked players.
        pipeline = Pipeline.on(database, sandbox.url, clock=clock, match_budget=0)
        pipeline.track("player", *accounts)
        for days in steps:
            sandbox.advance(days=days)
            clock.ahead += timedelta(days=days)
            pipeline.sync_until_complete()
            pipeline.build()
            _assert_equal_to_truth(pipeline, sandbox, accounts)
        assert sandbox.malformed, "no record was malformed: the faults had no effect"
        assert {entry.fault for entry in sandbox.requests.entries if entry.fault} >= KINDS
        _assert_no_gap_in_the_list_of_pro_matches(pipeline, sandbox)
        assert_equal_to_oracle(pipeline)


@pytest.mark.slow
def test_with_details_all_ten_players_of_a_match_count(database: Database) -> None:
    world = World(seed=5, players=60, days=20)
    with serve(world) as sandbox:
        pipeline = Pipeline.on(database, sandbox.url, match_budget=5000)
        accounts = world.suggested_players(PLAYERS)
        pipeline.track("player", *accounts)
        pipeline.sync_until_complete()
        pipeline.build()
        known = {row[0] for row in pipeline.staging("SELECT match_id FROM staging_opendota.matches")}
        assert known
        slots = pipeline.rows(
            "SELECT match_id FROM fct_player_matches WHERE has_details GROUP BY match_id HAVING count(*) <> 10"
        )
        assert slots == []
        assert_equal_to_oracle(pipeline)


def _assert_no_gap_in_the_list_of_pro_matches(pipeline: Pipeline, sandbox: Sandbox) -> None:
    """A page that was received twice, in place of the next one, hides no match."""
    sandbox.set_faults(None)
    stored = {row[0] for row in pipeline.staging("SELECT match_id FROM staging_opendota.pro_matches")}
    listed: set[int] = set()
    page = httpx.get(f"{sandbox.url}/proMatches").json()
    while page and min(match["match_id"] for match in page) >= min(stored):
        listed |= {match["match_id"] for match in page}
        page = httpx.get(f"{sandbox.url}/proMatches", params={"less_than_match_id": min(listed)}).json()
    listed |= {match["match_id"] for match in page}
    assert stored == {match_id for match_id in listed if match_id >= min(stored)}


def _assert_equal_to_truth(pipeline: Pipeline, sandbox: Sandbox, accounts: list[int]) -> None:
    expected = truth(sandbox.world, accounts)
    players = {
        str(row["account_id"]): (row["matches"], row["wins"], row["losses"])
        for row in expected.players.iter_rows(named=True)
        if row["matches"]
    }
    found = pipeline.rows(
        "SELECT player_id, matches, wins, losses FROM player_win_rates WHERE period = 'all' AND matches > 0"
    )
    assert {player: tuple(rest) for player, *rest in found} == players
    heroes = {
        (str(row["account_id"]), str(row["hero_id"])): (row["games"], row["wins"], row["last_played"])
        for row in expected.player_heroes.iter_rows(named=True)
    }
    found = pipeline.rows(
        "SELECT player_id, character_id, matches, wins, extract(epoch FROM last_played_at)::bigint "
        "FROM player_character_win_rates"
    )
    assert {(player, hero): tuple(rest) for player, hero, *rest in found} == heroes
    days = {
        (str(row["hero_id"]), row["day"]): (row["picks"], row["wins"])
        for row in expected.hero_days.iter_rows(named=True)
    }
    found = pipeline.rows(
        "SELECT character_id, played_date, sum(picks)::bigint, sum(wins)::bigint FROM character_win_rates GROUP BY 1, 2"
    )
    assert {(hero, day): tuple(rest) for hero, day, *rest in found} == days
    listed = pipeline.staging("SELECT account_id, match_id FROM staging_opendota.player_matches")
    visible = expected.player_matches.select("account_id", "match_id").rows()
    assert sorted(listed) == sorted(visible)
    ranks = expected.ranks.filter(pl.col("rank_tier").is_not_null())
    found = pipeline.rows("SELECT player_id, rank_value FROM dim_players WHERE is_tracked AND rank_value IS NOT NULL")
    assert dict(found) == {str(row["account_id"]): row["rank_tier"] for row in ranks.iter_rows(named=True)}
