"""FACEIT's ground truth equals results computed from HTTP responses, now and after the clock has advanced."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx
import pytest

from sandbox.faceit.truth import FaceitTruth, truth
from sandbox.faceit.world import FaceitWorld
from sandbox.server import serve
from sandbox.world import World
from tests.sandbox.conftest import AUTHORIZED

_STEAM_BASE = 76_561_197_960_265_728


def _history(api: httpx.Client, player: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = f"/players/{player}/history?game=cs2&limit=100&offset="
    while page := api.get(f"{path}{len(found)}").json()["items"]:
        found += page
    return found


def _statistics(api: httpx.Client, player: str) -> list[dict[str, Any]]:
    """Every row of the list by game, paged by `to`."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    until = ""
    while True:
        page = [row["stats"] for row in api.get(f"/players/{player}/games/cs2/stats?limit=100{until}").json()["items"]]
        new = {(row["Match Id"], row["Match Round"]): row for row in page}
        if new.keys() <= found.keys():
            return list(found.values())
        found |= new
        until = f"&to={page[-1]['Match Finished At']}"


def _rating(row: dict[str, Any]) -> float | None:
    """HLTV 1.0 from the text of a row."""
    if "Double Kills" not in row:
        return None
    rounds, kills, deaths = (int(row[name]) for name in ("Rounds", "Kills", "Deaths"))
    several = {n: int(row[f"{name} Kills"]) for n, name in ((2, "Double"), (3, "Triple"), (4, "Quadro"), (5, "Penta"))}
    multi = {1: kills - sum(n * count for n, count in several.items()), **several}
    per_round = sum(n * n * count for n, count in multi.items()) / rounds
    return (kills / rounds / 0.679 + 0.7 * (rounds - deaths) / rounds / 0.317 + per_round / 1.277) / 2.7


def _assert_rows(api: httpx.Client, ground_truth: FaceitTruth, players: list[str]) -> None:
    rows = {
        (row["player_id"], row["match_id"], row["map_number"]): row for row in ground_truth.player_matches.to_dicts()
    }
    maps: Counter[tuple[str, str]] = Counter()
    wins: Counter[tuple[str, str]] = Counter()
    for player in players:
        for read in _statistics(api, player):
            row = rows.pop((player, read["Match Id"], int(read["Match Round"])))
            names = ("kills", "deaths", "assists", "headshots", "double_kills", "triple_kills", "quadro_kills")
            for name in (*names, "penta_kills", "damage", "rounds"):
                text = read.get(name.replace("_", " ").title())
                assert row[name] == (None if text is None else int(text)), name
            assert row["mvps"] == int(read["MVPs"])
            assert row["map"] == read["Map"]
            assert row["finished_at"] * 1_000 == read["Match Finished At"]
            assert row["is_win"] == (read["Result"] == "1")
            assert row["best_of"] == int(read["Best Of"])
            expected = _rating(read)
            assert row["hltv_1"] == (None if expected is None else pytest.approx(expected))
            number = "" if read["Best Of"] == "1" else f":{read['Match Round']}"
            assert row["fact_match_id"] == read["Match Id"] + number
            maps[player, read["Map"]] += 1
            wins[player, read["Map"]] += row["is_win"]
    assert rows == {}
    assert {
        (row["player_id"], row["map"]): (row["matches"], row["wins"]) for row in ground_truth.player_maps.to_dicts()
    } == {key: (count, wins[key]) for key, count in maps.items()}
    for row in ground_truth.players.to_dicts():
        count = sum(count for (player, _), count in maps.items() if player == row["player_id"])
        won = sum(count for (player, _), count in wins.items() if player == row["player_id"])
        assert (row["matches"], row["wins"], row["losses"]) == (count, won, count - won)
    for row in ground_truth.maps.to_dicts():
        assert row["matches"] == sum(count for (_, name), count in maps.items() if name == row["map"])


def _assert_true(api: httpx.Client, world: FaceitWorld, players: list[str]) -> None:
    ground_truth = truth(world, players)
    _assert_rows(api, ground_truth, players)
    listed = {(player, item["match_id"], item["status"]) for player in players for item in _history(api, player)}
    assert set(ground_truth.histories.rows()) == listed
    profiles = {player: api.get(f"/players/{player}").json() for player in players}
    shown = {
        (player, game, profile["region"]): (profile.get("faceit_elo") or None, profile.get("skill_level"))
        for player, record in profiles.items()
        for game, profile in record["games"].items()
        if game in ("cs2", "dota2")
    }
    assert {(row["player_id"], row["game"], row["region"]) for row in ground_truth.elos.to_dicts()} == set(shown)
    for row in ground_truth.elos.to_dicts():
        elo, level = shown[row["player_id"], row["game"], row["region"]]
        assert row["faceit_elo"] == elo
        assert row["skill_level"] == (level if elo else None)
    for game, region in (("cs2", "EU"), ("cs2", "NA"), ("dota2", "EU"), ("dota2", "NA")):
        board = api.get(f"/rankings/games/{game}/regions/{region}?limit=100").json()["items"]
        mine = ground_truth.boards.filter(game=game, region=region).sort("position").to_dicts()
        names = ("position", "player_id", "faceit_elo")
        assert [[row[name] for name in names] for row in mine] == [[row[name] for name in names] for row in board]


def test_the_truth_equals_a_count_over_http_now_and_after_eight_days():
    world = World(seed=11, players=40, days=60)
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED, timeout=30) as api:
        faceit = sandbox.faceit.world
        players = faceit.suggested_players(18)
        _assert_true(api, faceit, players)
        before = truth(faceit, players)
        sandbox.advance(days=8, seconds=4_321)
        _assert_true(api, faceit, players)
        after = truth(faceit, players)
        assert len(after.player_matches) > len(before.player_matches)
        assert {"finished", "cancelled", "ongoing"} == set(after.histories["status"])


def test_slots_and_the_ten_of_each_map_are_those_of_the_match():
    world = World(seed=11, players=20, days=30)
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED, timeout=30) as api:
        faceit = sandbox.faceit.world
        players = faceit.suggested_players(2)
        ground_truth = truth(faceit, players)
        maps: Counter[str] = Counter()
        wins: Counter[str] = Counter()
        read: dict[tuple[str, str], tuple[int, str]] = {}
        for match_id in ground_truth.player_matches["match_id"].unique().to_list():
            for one in api.get(f"/matches/{match_id}/stats").json()["rounds"]:
                for side, team in enumerate(one["teams"]):
                    for slot, player in enumerate(sorted(row["player_id"] for row in team["players"])):
                        read[player, f"{match_id} {one['match_round']}"] = (5 * side + slot, f"faction{side + 1}")
                    maps[one["round_stats"]["Map"]] += 5
                    wins[one["round_stats"]["Map"]] += 5 * (team["team_stats"]["Team Win"] == "1")
        for row in ground_truth.player_matches.to_dicts():
            key = row["player_id"], f"{row['match_id']} {row['map_number']}"
            assert read[key] == (row["player_slot"], row["side"])
        assert {row["map"]: row["matches"] for row in ground_truth.match_maps.to_dicts()} == maps
        assert {row["map"]: row["wins"] for row in ground_truth.match_maps.to_dicts()} == wins


def test_identities_are_those_of_profiles_and_opendota_combined():
    world = World(seed=11, players=40, days=20)
    with (
        serve(world) as sandbox,
        httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED, timeout=30) as api,
        httpx.Client(base_url=sandbox.url, timeout=30) as opendota,
    ):
        faceit = sandbox.faceit.world
        identities = truth(faceit, faceit.suggested_players(60)).identities.to_dicts()
        for row in identities:
            games = api.get(f"/players/{row['player_id']}").json()["games"]
            assert set(row["games"]) == set(games) - {"csgo"}
            accounts = {int(row["steam_id_64"]) - _STEAM_BASE}
            if "dota2" in games:
                accounts.add(int(games["dota2"]["game_player_id"].removeprefix("[U:1:").removesuffix("]")))
            if "cs2" in games:
                accounts.add(int(games["cs2"]["game_player_id"]) - _STEAM_BASE)
            (account,) = accounts
            known = opendota.get(f"/players/{account}").status_code == 200
            assert row["account_id"] == (account if known else None)
    assert {row["account_id"] is None for row in identities} == {True, False}
    assert len({row["person"] for row in identities}) == len(identities)


def test_an_unknown_player_is_an_error():
    with pytest.raises(ValueError, match="no such player"):
        truth(FaceitWorld(World(seed=1, players=20, days=2)), ["nobody"])
