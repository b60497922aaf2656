"""Recorded responses of the real FACEIT, synced and loaded: they join, and no record is lost."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.ingestion.scripted_server import Reply
from tests.ingestion.sources.faceit.conftest import Warehouse
from tests.ingestion.sources.faceit.lists import not_found

PLAYER = "ffe3566c-9574-4f1b-8012-bf4d42aeb898"
OLD_PLAYER = "bb75c4d7-8167-4494-9a9d-efdf9bda3862"
#: The game of the recorded history, by player.
GAME_OF = {PLAYER: "cs2", OLD_PLAYER: "csgo"}
HUB = "05f970ad-b6a9-4740-89d1-a9fea46f7525"
CHAMPIONSHIP = "4af3f365-8333-418c-8677-eba68d63fffb"
MATCHES = ("1-bb13fd78-e183-4d37-8a4b-ceed67da5265", "1-61e5c416-cb78-4951-bb1c-5a04ceea9a3e")


@pytest.fixture
def filled(warehouse: Warehouse, recorded: Path) -> Warehouse:
    """Sync every stream over the recordings; paths without a recording return FACEIT's 404."""
    bodies = {
        entry["path"]: (recorded / entry["file"]).read_bytes()
        for entry in json.loads((recorded / "manifest.json").read_text())
        if entry["source"] == "faceit" and "nickname" not in entry["query"]
    }

    def respond(path: str, times: int) -> Reply:
        parts = urlsplit(path.removeprefix("/api"))
        is_further = "offset=" in parts.query or "to=" in parts.query
        is_other_game = (
            parts.path.endswith("/history") and f"game={GAME_OF[parts.path.split('/')[2]]}" not in parts.query
        )
        body = None if is_further or is_other_game else bodies.get(parts.path)
        if body is None and (is_further or parts.path.endswith("/bans")):
            return Reply(body=b'{"items": []}')
        return not_found() if body is None else Reply(body=body)

    warehouse.track("player", PLAYER, OLD_PLAYER)
    warehouse.track("match", *MATCHES)
    warehouse.track("hub", HUB)
    warehouse.track("championship", CHAMPIONSHIP)
    for name in ("players", "history_matches", "player_match_stats", "player_stats", "player_bans", "rankings"):
        report, _ = warehouse.run_against(respond, name, faceit_ranking_regions="EU")
        assert report.is_ok, report
    for name in ("matches", "match_rounds", "hub_members"):
        report, _ = warehouse.run_against(respond, name)
        assert report.is_ok, report
    # The lists of matches of hub and championship were not recorded.
    for name in ("hubs", "championships"):
        warehouse.run_against(respond, name)
    return warehouse


def by_game(filled: Warehouse, table: str, column: str) -> dict[str, int]:
    """Number of rows by game."""
    return dict(filled.rows(f"SELECT {column}, count(*) FROM staging_faceit.{table} GROUP BY 1"))


def test_twenty_of_twenty_matches_of_the_history_join_their_statistics(filled: Warehouse) -> None:
    joined = filled.rows(
        "SELECT count(*), count(DISTINCT history.match_id), bool_and(stats.finished_at = history.finished_at * 1000) "
        "FROM staging_faceit.history_matches AS history "
        "JOIN staging_faceit.history_players AS players ON players.match_id = history.match_id "
        "JOIN staging_faceit.player_match_stats AS stats "
        "ON stats.match_id = history.match_id AND stats.player_id = players.player_id "
        "WHERE players.player_id = %s",
        PLAYER,
    )
    assert joined == [(20, 20, True)]
    assert by_game(filled, "history_matches", "game_id") == {"cs2": 20, "csgo": 1}
    assert by_game(filled, "player_match_stats", "game") == {"cs2": 20}


def test_every_recorded_response_of_either_era_is_stored_without_a_reject(filled: Warehouse) -> None:
    assert filled.rows("SELECT count(*) FROM ops.rejects") == [(0,)]
    assert filled.rows("SELECT table_name, field_path, reason FROM ops.field_rejects") == []
    assert filled.rows("SELECT count(*) FROM ops.drift") == [(0,)]
    assert filled.rows("SELECT count(*) FROM staging_faceit.players") == [(2,)]
    assert {game for (game,) in filled.rows("SELECT DISTINCT game FROM staging_faceit.matches")} == {"cs2", "csgo"}
    assert filled.rows("SELECT count(*) FROM staging_faceit.match_round_players") == [(20,)]
    assert by_game(filled, "player_segments", "game_id") == {"cs2": 10, "csgo": 9}
    for table in ("rankings", "hub_members"):
        assert filled.rows(f"SELECT count(*) FROM staging_faceit.{table}") == [(20,)]
    for table in ("hubs", "championships"):
        assert filled.rows(f"SELECT count(*) FROM staging_faceit.{table}") == [(1,)]


def test_the_profile_names_the_account_in_dota_2(filled: Warehouse) -> None:
    rows = filled.rows(
        "SELECT game, game_player_id FROM staging_faceit.player_games "
        "WHERE player_id = %s AND game IN ('cs2', 'dota2')",
        PLAYER,
    )
    assert dict(rows) == {"cs2": "76561198002596349", "dota2": "[U:1:42330621]"}
