"""OpenDota's own totals are compared with ours; a difference triggers one full scan, and is stored if it remains."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.server import Sandbox
from sandbox.truth import truth
from tests.ingestion.clocks import ShiftedClock
from tests.ingestion.scripted_server import Reply
from tests.ingestion.sources.opendota.conftest import Warehouse

PLAYER = 7
BALANCED = {"1": {"id": 1, "balanced": True}, "2": {"id": 2}}
TOTALS = "SELECT measure, theirs, ours FROM ops.source_totals ORDER BY measure"


def row(match_id: int, **changed: Any) -> dict[str, Any]:
    """A significant match that the player won."""
    played = {"player_slot": 0, "radiant_win": True, "duration": 361, "game_mode": 1, "lobby_type": 1, "hero_id": 5}
    return {"match_id": match_id, "start_time": 1_700_000_000 + match_id, **played, **changed}


class Scripted:
    """A source with scripted matches, heroes and totals of one player."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.matches: list[dict[str, Any]] = []
        self.totals: Any = []
        self.heroes: Any = []
        warehouse.track("player", PLAYER)

    def run(self, name: str, **later: float) -> list[str]:
        """Sync a stream; returns the requested paths."""

        def respond(path: str, times: int) -> Reply:
            part = path.rpartition("/")[2].partition("?")[0]
            parts = {"matches": self.matches, "wl": self.totals, "heroes": self.heroes}
            return Reply(body=json.dumps(parts.get(part, BALANCED)).encode())

        report, paths = self.warehouse.run_against(respond, name, clock=ShiftedClock(**later))
        assert report.is_ok
        return [path.removeprefix(f"/players/{PLAYER}") for path in paths]


@pytest.fixture
def source(warehouse: Warehouse) -> Scripted:
    scripted_source = Scripted(warehouse)
    scripted_source.run("constants")
    return scripted_source


WHOLE, NEWEST = ["/matches?significant=0"], ["/matches?significant=0&limit=100"]


def test_a_difference_of_totals_triggers_one_full_scan_and_is_stored_with_both_figures(
    source: Scripted,
) -> None:
    source.matches = [row(2), row(1, radiant_win=False)]
    source.totals = {"win": 3, "lose": 1}
    assert (source.run("player_matches"), source.run("player_totals")) == (WHOLE, ["/wl"])
    assert source.warehouse.rows(TOTALS) == [("matches", 4, 2), ("wins", 3, 1)]
    since = source.warehouse.rows("SELECT differs_since FROM ops.source_totals ORDER BY measure")
    # One full scan and another comparison; then the difference remains.
    assert (source.run("player_matches"), source.run("player_totals")) == (WHOLE, ["/wl"])
    assert source.warehouse.rows("SELECT DISTINCT theirs - ours = reread_for FROM ops.source_totals") == [(True,)]
    for days in (0, 1.1, 2.2):
        assert source.run("player_matches", days=days) == NEWEST
        assert source.run("player_totals", days=days) == (["/wl"] if days else [])
    assert source.warehouse.rows("SELECT differs_since FROM ops.source_totals ORDER BY measure") == since
    # Both totals change together: no full scan.
    source.matches, source.totals = [row(3), *source.matches], {"win": 4, "lose": 1}
    source.run("player_matches", days=3.3)
    source.run("player_totals", days=3.3)
    assert source.run("player_matches", days=3.4) == NEWEST
    # One total changes: one full scan, which resolves the difference.
    source.totals = {"win": 5, "lose": 1}
    source.run("player_totals", days=4.4)
    source.matches = [*source.matches, row(8), row(9), row(7)]
    assert source.run("player_matches", days=4.5) == WHOLE
    source.run("player_totals", days=4.5)
    assert source.warehouse.rows(TOTALS) == [("matches", 6, 6), ("wins", 5, 5)]
    assert source.warehouse.rows("SELECT DISTINCT differs_since, reread_for FROM ops.source_totals") == [(None, None)]
    assert source.run("player_matches", days=4.6) == NEWEST


@pytest.mark.parametrize("shown", [None, []])
def test_a_difference_triggers_one_full_scan_even_if_the_totals_are_no_longer_shown(
    source: Scripted, shown: Any
) -> None:
    source.matches, source.totals = [row(1)], {"win": 3, "lose": 1}
    source.run("player_matches")
    source.run("player_totals")
    source.totals = shown
    assert source.run("player_matches") == WHOLE
    source.run("player_totals")
    assert source.run("player_matches") == NEWEST
    assert source.warehouse.rows(TOTALS) == [("matches", 4, 1), ("wins", 3, 1)]


def test_only_significant_matches_count(source: Scripted) -> None:
    source.matches = [
        *(row(9), row(8, duration=360), row(7, game_mode=2), row(6, lobby_type=2), row(5, radiant_win=None)),
        *(row(4, game_mode=None), row(3, player_slot=128)),
    ]
    source.totals = {"win": 1, "lose": 1}
    source.run("player_matches")
    source.run("player_totals")
    assert source.warehouse.rows(TOTALS) == [("matches", 2, 2), ("wins", 1, 1)]


def test_heroes_are_stored_only_while_their_totals_differ(source: Scripted) -> None:
    source.matches = [row(2), row(1)]
    source.totals = {"win": 2, "lose": 0}
    source.heroes = [{"hero_id": 5, "games": 2, "win": 1}, {"hero_id": 6, "games": 0, "win": 0}]
    for name in ("player_matches", "player_heroes", "player_totals"):
        source.run(name)
    assert source.warehouse.rows(TOTALS) == [("matches", 2, 2), ("wins", 2, 2), ("wins of hero 5", 1, 2)]
    source.heroes[0]["win"] = 2
    source.matches = [row(3, game_mode=2), *source.matches]  # so that heroes are read again
    for name in ("player_matches", "player_heroes", "player_totals"):
        source.run(name)
    assert source.warehouse.rows(TOTALS) == [("matches", 2, 2), ("wins", 2, 2)]


@pytest.mark.parametrize("shown", [[], None, {"win": None, "lose": 2}, {}])
def test_totals_that_are_not_shown_are_not_compared(source: Scripted, shown: Any) -> None:
    source.matches, source.totals = [row(1)], shown
    source.run("player_matches")
    assert source.run("player_totals") == ["/wl"]
    assert source.run("player_totals") == []
    assert source.warehouse.rows(TOTALS) == []


def test_totals_of_a_whole_world_are_equal(warehouse: Warehouse, upstream: Sandbox, players: list[int]) -> None:
    warehouse.track("player", *players)
    warehouse.run("constants", "player_matches", "player_heroes", "player_totals")
    facts = {str(one["account_id"]): one for one in truth(upstream.world, players).players.to_dicts()}
    found = warehouse.rows("SELECT player_id, measure, theirs, ours FROM ops.source_totals")
    assert len(found) == 2 * len(players)
    assert all(theirs == ours == facts[player][measure] for player, measure, theirs, ours in found)
