"""Profiles, histories, statistics and rankings in FACEIT's form."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.faceit.world import FaceitWorld
from sandbox.server import Sandbox, serve
from sandbox.world import World
from tests.sandbox.conftest import AUTHORIZED


def _get(api: httpx.Client, path: str) -> Any:
    response = api.get(path)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture
def world(sandbox: Sandbox) -> FaceitWorld:
    return sandbox.faceit.world


@pytest.fixture
def player(world: FaceitWorld) -> str:
    """The player with the most matches."""
    return world.suggested_players(1)[0]


def test_a_player_of_both_games_is_found_by_id_name_and_either_account(faceit: httpx.Client, world: FaceitWorld):
    account = next(one for one in world.accounts.by_person.values() if len(one.games) == 2)
    profile = _get(faceit, f"/players/{account.player_id}")
    assert profile["games"]["cs2"]["game_player_id"] == str(account.account_id + 76_561_197_960_265_728)
    assert profile["games"]["dota2"]["game_player_id"] == f"[U:1:{account.account_id}]"
    assert _get(faceit, f"/players?nickname={account.nickname}") == profile
    for game in account.games:
        game_player_id = profile["games"][game]["game_player_id"]
        query = {"game": game, "game_player_id": game_player_id}
        assert faceit.get("/players", params=query).json() == profile


def test_profiles_lack_the_fields_that_real_ones_lack(faceit: httpx.Client, world: FaceitWorld):
    profiles = [_get(faceit, f"/players/{one.player_id}") for one in world.accounts.by_person.values()]
    cs2 = [profile["games"]["cs2"] for profile in profiles if "cs2" in profile["games"]]
    assert {game.get("faceit_elo", "missing") for game in cs2} >= {"missing", 0}
    assert {game["skill_level"] for game in cs2 if "faceit_elo" not in game} == {""}
    assert any(set(profile["games"]) == {"dota2"} for profile in profiles)
    for name in ("avatar", "country", "steam_id_64", "new_steam_id"):
        assert {profile[name] == "" for profile in profiles} == {True, False}, name
    assert {game["game_player_name"] == "" for game in cs2} == {True, False}
    assert all(game["game_player_id"] for game in cs2)
    assert any(profile["country"].islower() for profile in profiles)
    assert all("{lang}" in profile["faceit_url"] for profile in profiles)


def test_search_writes_levels_as_text_and_countries_in_upper_case(faceit: httpx.Client):
    items = _get(faceit, "/search/players?nickname=a&game=cs2&limit=100")["items"]
    assert len(items) > 10
    assert all("a" in item["nickname"].casefold() for item in items)
    assert {type(game["skill_level"]) for item in items for game in item["games"]} == {str}
    assert {item["country"] for item in items if item["country"]} == {item["country"].upper() for item in items} - {""}
    assert all("cs2" in [game["name"] for game in item["games"]] for item in items)


def test_a_history_is_paged_newest_first_up_to_its_caps(faceit: httpx.Client, player: str):
    path = f"/players/{player}/history?game=cs2"
    first = _get(faceit, f"{path}&limit=100")
    assert (first["start"], first["end"], len(first["items"])) == (0, 100, 100)
    assert "total" not in first
    later = _get(faceit, f"{path}&limit=100&offset=100")
    assert (later["start"], later["end"]) == (100, 200)
    assert len(_get(faceit, path)["items"]) == 20
    timestamps = [item.get("started_at", item.get("finished_at")) for item in first["items"] + later["items"]]
    assert timestamps == sorted(timestamps, reverse=True)
    assert faceit.get(f"{path}&limit=101").status_code == 400
    assert faceit.get(f"{path}&offset=1000").json()["items"] == []
    assert faceit.get(f"{path}&offset=1001").status_code == 400
    assert faceit.get(f"{path}&offset=-1").status_code == 400
    assert faceit.get(f"/players/{player}/history").status_code == 400


def test_a_history_can_be_bounded_by_seconds(faceit: httpx.Client, player: str):
    path = f"/players/{player}/history?game=cs2&limit=100"
    items = _get(faceit, path)["items"]
    since, until = (items[place].get("started_at", items[place].get("finished_at")) for place in (30, 10))
    cut = _get(faceit, f"{path}&from={since}&to={until}")
    assert (cut["from"], cut["to"]) == (since, until)
    assert [item["match_id"] for item in cut["items"]] == [item["match_id"] for item in items[10:31]]


def test_dota2_has_a_profile_but_no_matches_here(faceit: httpx.Client, player: str):
    assert _get(faceit, f"/players/{player}/history?game=dota2")["items"] == []
    assert _get(faceit, f"/players/{player}/games/dota2/stats")["items"] == []
    assert faceit.get(f"/players/{player}/stats/dota2").status_code == 404


def test_statistics_beyond_offset_200_are_reached_with_a_smaller_to():
    world = World(seed=7, players=20, days=170)
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED, timeout=30) as api:
        faceit = sandbox.faceit.world
        player = faceit.suggested_players(1)[0]
        path = f"/players/{player}/games/cs2/stats?limit=100"
        assert api.get(f"{path}&offset=201").status_code == 400
        by_offset = [item for offset in (0, 100, 200) for item in _get(api, f"{path}&offset={offset}")["items"]]
        assert len(by_offset) == 300
        found, until = {}, world.now * 1_000
        while True:
            page = _get(api, f"{path}&to={until}")["items"]
            new = {(item["stats"]["Match Id"], item["stats"]["Match Round"]): item for item in page}
            if new.keys() <= found.keys():
                break
            found |= new
            until = page[-1]["stats"]["Match Finished At"]
        lifetime = _get(api, f"/players/{player}/stats/cs2")["lifetime"]
        assert len(found) == int(lifetime["Matches"]) > 300
        since = page[-1]["stats"]["Match Finished At"]
        assert _get(api, f"{path}&from={since}&to={since}")["items"]


def test_statistics_are_text_as_recorded(faceit: httpx.Client, player: str, recorded: Path):
    recorded_body = json.loads((recorded / "faceit/players" / _RECORDED / "games_cs2_stats.json").read_text())
    names = set(recorded_body["items"][0]["stats"])
    items = _get(faceit, f"/players/{player}/games/cs2/stats?limit=100")["items"]
    detailed = [item["stats"] for item in items if "ADR" in item["stats"]]
    assert {frozenset(stats) for stats in detailed} == {frozenset(names)}
    less = {name for item in items for name in names - set(item["stats"])}
    assert less == {"ADR", "Damage", "Double Kills"}
    for stats in detailed:
        assert {name for name, value in stats.items() if not isinstance(value, str)} == {"Match Finished At"}
        assert stats["Match Finished At"] % 1_000 == 0
        assert stats["K/D Ratio"] == _text(int(stats["Kills"]) / max(int(stats["Deaths"]), 1), 2)
        assert stats["ADR"] == _text(int(stats["Damage"]) / int(stats["Rounds"]), 1)
        assert sum(int(half) for half in stats["Score"].split(" / ")) == int(stats["Rounds"])
        halves = ("First Half Score", "Second Half Score", "Overtime score")
        assert sum(int(stats[name]) for name in halves) == int(stats["Final Score"])
        assert stats["Final Score"] in stats["Score"].split(" / ")


def test_lifetime_and_segments_are_the_sums_of_the_list(faceit: httpx.Client, world: FaceitWorld, recorded: Path):
    player = world.suggested_players(2)[1]
    recorded_body = json.loads((recorded / "faceit/players" / _RECORDED / "stats_cs2.json").read_text())
    response = _get(faceit, f"/players/{player}/stats/cs2")
    assert set(response["lifetime"]) == set(recorded_body["lifetime"])
    assert set(response["segments"][0]["stats"]) == set(recorded_body["segments"][0]["stats"])
    path = f"/players/{player}/games/cs2/stats?limit=100&offset="
    items = [item["stats"] for offset in (0, 100, 200) for item in _get(faceit, f"{path}{offset}")["items"]]
    lifetime = response["lifetime"]
    assert lifetime["Matches"] == str(len(items))
    assert lifetime["Wins"] == str(sum(item["Result"] == "1" for item in items))
    assert float(lifetime["K/D Ratio"]) == pytest.approx(sum(float(item["K/D Ratio"]) for item in items), abs=2)
    assert lifetime["Total Damage"] == str(sum(int(item.get("Damage", 0)) for item in items))
    assert lifetime["Total Matches"] == str(sum("Damage" in item for item in items))
    kills: Counter[str] = Counter()
    for item in items:
        kills[item["Map"].removeprefix("de_").capitalize()] += int(item["Kills"])
    assert {segment["label"]: segment["stats"]["Kills"] for segment in response["segments"]} == {
        name: str(count) for name, count in kills.items()
    }
    assert lifetime["Recent Results"] == [item["Result"] for item in items[:5]][::-1]


def test_rankings_are_ordered_by_elo_and_agree_with_profiles(faceit: httpx.Client, world: FaceitWorld):
    items: list[dict[str, Any]] = []
    while page := _get(faceit, f"/rankings/games/cs2/regions/EU?limit=20&offset={len(items)}")["items"]:
        items += page
    assert [item["position"] for item in items] == list(range(1, len(items) + 1))
    elos = [item["faceit_elo"] for item in items]
    assert elos == sorted(elos, reverse=True)
    for item in items[::7]:
        game = _get(faceit, f"/players/{item['player_id']}")["games"]["cs2"]
        assert (game["faceit_elo"], game["skill_level"]) == (item["faceit_elo"], item["game_skill_level"])
        assert game["region"] == "EU"
        around = _get(faceit, f"/rankings/games/cs2/regions/EU/players/{item['player_id']}?limit=5")
        assert around["position"] == item["position"]
        assert item in around["items"]
    ranked = {item["player_id"] for item in items}
    hidden = {one.player_id for one in world.accounts.by_person.values() if one.elo_shown != "yes"}
    assert not ranked & hidden


def test_bans_appear_at_their_start_and_may_have_no_end(faceit: httpx.Client, world: FaceitWorld):
    banned = world.accounts.by_person[6].player_id
    items = _get(faceit, f"/players/{banned}/bans")["items"]
    assert [item["ends_at"] == "" for item in items] == [False, True]
    assert [item["game"] for item in items] == ["cs2", ""]
    assert {item["user_id"] for item in items} == {banned}
    assert _get(faceit, f"/players/{world.accounts.by_person[0].player_id}/bans")["items"] == []


_RECORDED = "ffe3566c-9574-4f1b-8012-bf4d42aeb898"


def _text(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")
