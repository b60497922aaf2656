"""Matches, hubs, championships and teams in FACEIT's form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sandbox.faceit.match_log import BYE, CANCELLED, MISSING, NEVER, PLAYED, Series
from sandbox.faceit.world import FaceitWorld
from sandbox.server import Sandbox, serve
from sandbox.world import World
from tests.sandbox.conftest import AUTHORIZED

_RECORDED = "1-bb13fd78-e183-4d37-8a4b-ceed67da5265"


@pytest.fixture
def world(sandbox: Sandbox) -> FaceitWorld:
    return sandbox.faceit.world


@pytest.fixture
def series(world: FaceitWorld) -> Series:
    return world.history.series


def _get(api: httpx.Client, path: str) -> Any:
    response = api.get(path)
    assert response.status_code == 200, response.text
    return response.json()


def _shown(world: FaceitWorld, chosen: np.ndarray, count: int = 8) -> list[str]:
    """Ids of some matches that FACEIT lists."""
    series = world.history.series
    ids = series.match_id[chosen & (series.visible_at <= world.now)][:count].tolist()
    assert ids
    return ids


def test_details_and_statistics_agree_with_the_history(faceit: httpx.Client, world: FaceitWorld):
    player = world.suggested_players(1)[0]
    items = _get(faceit, f"/players/{player}/history?game=cs2&limit=100")["items"]
    for item in [item for item in items if item["status"] == "finished"][::6]:
        match = _get(faceit, f"/matches/{item['match_id']}")
        assert match["status"] == "FINISHED"
        for name in ("started_at", "finished_at", "results", "competition_id", "competition_type", "region"):
            assert match[name] == item[name], name
        (statistics, *_) = _get(faceit, f"/matches/{item['match_id']}/stats")["rounds"]
        for side, team in enumerate(statistics["teams"], start=1):
            faction = item["teams"][f"faction{side}"]
            assert team["team_id"] == faction["team_id"] == match["teams"][f"faction{side}"]["faction_id"]
            assert [one["player_id"] for one in team["players"]] == [one["player_id"] for one in faction["players"]]
        assert set(item["playing_players"]) == {
            one["player_id"] for team in statistics["teams"] for one in team["players"]
        }
        assert len(item["playing_players"]) == 10


def test_a_player_has_the_recorded_47_statistics_or_the_12_of_old(
    faceit: httpx.Client, world: FaceitWorld, series: Series, recorded: Path
):
    of_today = json.loads((recorded / f"faceit/matches/{_RECORDED}/stats.json").read_text())["rounds"][0]
    of_old = json.loads((recorded / "faceit/csgo_era/match_stats.json").read_text())["rounds"][0]
    is_played = (series.state == PLAYED) & (series.result_at <= world.now)
    for is_detailed, like in ((True, of_today), (False, of_old)):
        for match_id in _shown(world, is_played & (series.is_detailed == is_detailed)):
            for one in _get(faceit, f"/matches/{match_id}/stats")["rounds"]:
                assert set(one) == set(like)
                assert set(one["round_stats"]) == set(like["round_stats"])
                for team in one["teams"]:
                    assert set(team["team_stats"]) == set(like["teams"][0]["team_stats"])
                    for player in team["players"]:
                        assert set(player["player_stats"]) == set(like["teams"][0]["players"][0]["player_stats"])
                        assert {type(value) for value in player["player_stats"].values()} == {str}


def test_the_list_by_game_agrees_with_the_match(faceit: httpx.Client, world: FaceitWorld):
    player = world.suggested_players(1)[0]
    for item in _get(faceit, f"/players/{player}/games/cs2/stats?limit=100")["items"][::10]:
        stats = item["stats"]
        rounds = _get(faceit, f"/matches/{stats['Match Id']}/stats")["rounds"]
        one = next(one for one in rounds if one["match_round"] == stats["Match Round"])
        team = next(team for team in one["teams"] if player in [row["player_id"] for row in team["players"]])
        mine = next(row["player_stats"] for row in team["players"] if row["player_id"] == player)
        shared = mine.keys() & stats.keys()
        assert len(shared) >= 11
        assert {name: mine[name] for name in shared} == {name: stats[name] for name in shared}
        assert one["round_stats"]["Winner"] == stats["Winner"]
        assert (stats["Winner"] == team["team_id"]) == (stats["Result"] == "1")
        assert one["round_stats"]["Map"] == stats["Map"]
        assert one["round_stats"]["Score"] == stats["Score"]


def test_hubs_vote_by_workshop_ids_and_others_by_names(faceit: httpx.Client, world: FaceitWorld, series: Series):
    kinds = np.array([one.kind for one in world.scene.competitions])[series.competition]
    for kind, is_named in (("hub", False), ("matchmaking", True)):
        for match_id in _shown(world, (kinds == kind) & (series.state == PLAYED), 3):
            voted = _get(faceit, f"/matches/{match_id}")["voting"]["map"]
            assert {entity["guid"] == entity["class_name"] for entity in voted["entities"]} == {is_named}
            assert set(voted["pick"]) <= {entity["guid"] for entity in voted["entities"]}


def test_a_best_of_three_counts_maps_and_shares_one_end(faceit: httpx.Client, world: FaceitWorld, series: Series):
    chosen = (series.best_of == 3) & (series.state == PLAYED) & (series.result_at <= world.now)
    lengths = set()
    for match_id in _shown(world, chosen & ~series.is_scored_in_maps, 12):
        match, rounds = _get(faceit, f"/matches/{match_id}"), _get(faceit, f"/matches/{match_id}/stats")["rounds"]
        score = match["results"]["score"]
        assert max(score.values()) == 2
        assert sum(score.values()) == len(rounds) == len(match["detailed_results"]) == len(match["demo_url"])
        classes = {entity["guid"]: entity["class_name"] for entity in match["voting"]["map"]["entities"]}
        assert [classes[pick] for pick in match["voting"]["map"]["pick"]] == [
            one["round_stats"]["Map"] for one in rounds
        ]
        for result, one in zip(match["detailed_results"], rounds, strict=True):
            scores = [result["factions"][f"faction{side}"]["score"] for side in (1, 2)]
            assert one["round_stats"]["Score"] == f"{scores[0]} / {scores[1]}"
        player = rounds[0]["teams"][0]["players"][0]["player_id"]
        end = match["finished_at"] * 1_000
        items = _get(faceit, f"/players/{player}/games/cs2/stats?from={end}&to={end}")["items"]
        assert [item["stats"]["Match Round"] for item in items] == [str(n) for n in range(len(rounds), 0, -1)]
        lengths.add(len(rounds))
    assert lengths == {2, 3}


def test_a_best_of_one_may_be_scored_in_maps(faceit: httpx.Client, world: FaceitWorld, series: Series):
    chosen = (series.best_of == 1) & (series.state == PLAYED) & (series.result_at <= world.now)
    for match_id in _shown(world, chosen & series.is_scored_in_maps):
        match = _get(faceit, f"/matches/{match_id}")
        assert sorted(match["results"]["score"].values()) == [0, 1]
        assert "detailed_results" not in match
    for match_id in _shown(world, chosen & ~series.is_scored_in_maps):
        assert max(_get(faceit, f"/matches/{match_id}")["results"]["score"].values()) >= 13


def test_a_cancelled_match_has_no_start_no_winner_and_no_statistics(
    faceit: httpx.Client, world: FaceitWorld, series: Series
):
    results = set()
    for match_id in _shown(world, series.state == CANCELLED, 20):
        match = _get(faceit, f"/matches/{match_id}")
        assert match["status"] == "CANCELLED"
        assert "started_at" not in match
        results.add(match.get("results", {"winner": None})["winner"])
        assert faceit.get(f"/matches/{match_id}/stats").status_code == 404
        player = match["teams"]["faction1"]["roster"][0]["player_id"]
        end = match["finished_at"]
        history = _get(faceit, f"/players/{player}/history?game=cs2&from={end}&to={end}")["items"]
        (item,) = [item for item in history if item["match_id"] == match_id]
        assert item["status"] == "cancelled"
        assert "started_at" not in item
    assert results == {None, ""}


def test_a_bye_is_won_against_an_empty_side(faceit: httpx.Client, world: FaceitWorld, series: Series):
    for match_id in _shown(world, series.state == BYE):
        match = _get(faceit, f"/matches/{match_id}")
        assert match["teams"]["faction2"]["faction_id"] == "bye"
        assert match["results"]["winner"] == "faction1"
        assert not match["calculate_elo"]
        assert faceit.get(f"/matches/{match_id}/stats").status_code == 404
        player, end = match["teams"]["faction1"]["leader"], match["finished_at"]
        history = _get(faceit, f"/players/{player}/history?game=cs2&from={end - 86_400}&to={end}")["items"]
        (item,) = [item for item in history if item["match_id"] == match_id]
        assert item["status"] == "finished"
        assert (item["teams"]["faction2"]["team_id"], item["teams"]["faction2"]["players"]) == ("bye", [])


def test_premade_teams_have_an_id_of_their_own_and_lobbies_their_captains(
    faceit: httpx.Client, world: FaceitWorld, series: Series
):
    played = (series.state == PLAYED) & (series.result_at <= world.now)
    for is_premade, chosen in ((True, series.team[:, 0] != MISSING), (False, series.team[:, 0] == MISSING)):
        for match_id in _shown(world, played & chosen):
            match, statistics = _get(faceit, f"/matches/{match_id}"), _get(faceit, f"/matches/{match_id}/stats")
            for side, team in zip(match["teams"].values(), statistics["rounds"][0]["teams"], strict=True):
                assert side["type"] == ("premade" if is_premade else "")
                assert team["premade"] == is_premade
                assert (side["faction_id"] == side["leader"]) != is_premade
            assert (match["competition_type"] in ("championship", "hub")) >= is_premade
            assert ("scheduled_at" in match) == is_premade


def test_a_substitute_played_and_an_absent_member_did_not(faceit: httpx.Client, world: FaceitWorld, series: Series):
    chosen = (series.absent[:, 0] != MISSING) & (series.state == PLAYED) & (series.result_at <= world.now)
    for match_id in _shown(world, chosen):
        team = _get(faceit, f"/matches/{match_id}")["teams"]["faction1"]
        assert team["substituted"]
        (substitute,) = team["substitutes"]
        assert substitute["playing"] is True
        roster = {one["player_id"] for one in team["roster"]}
        played = {
            one["player_id"] for one in _get(faceit, f"/matches/{match_id}/stats")["rounds"][0]["teams"][0]["players"]
        }
        assert played - roster == {substitute["player_id"]}
        assert len(roster - played) == 1
        (absent,) = roster - played
        history = _get(faceit, f"/players/{absent}/history?game=cs2&limit=100")["items"]
        assert match_id not in [item["match_id"] for item in history]


def test_a_match_appears_late_and_its_result_even_later():
    world = World(seed=11, players=150, days=20)
    with serve(world) as sandbox, httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED, timeout=30) as api:
        faceit = sandbox.faceit.world
        series = faceit.history.series
        late = np.flatnonzero((series.visible_at > world.now) & (series.finished_at < world.now))
        pending = (series.visible_at <= world.now) & (series.result_at > world.now) & (series.result_at < NEVER)
        unseen, open_ = str(series.match_id[late[0]]), str(series.match_id[np.flatnonzero(pending)[0]])
        assert api.get(f"/matches/{unseen}").status_code == 404
        before = _get(api, f"/matches/{open_}")
        assert before["status"] == "ONGOING"
        assert not {"results", "finished_at", "detailed_results", "demo_url"} & before.keys()
        assert api.get(f"/matches/{open_}/stats").status_code == 404
        player = next(iter(before["teams"].values()))["roster"][0]["player_id"]
        path = f"/players/{player}/history?game=cs2&from={before['started_at']}&to={before['started_at']}"
        assert _get(api, path)["items"][0]["status"] == "ongoing"
        sandbox.advance(days=12)
        assert _get(api, f"/matches/{unseen}")["match_id"] == unseen
        assert _get(api, f"/matches/{open_}")["status"] == "FINISHED"
        assert _get(api, f"/matches/{open_}/stats")["rounds"]
        assert _get(api, path)["items"][0]["status"] == "finished"


def test_hubs_and_championships_list_their_matches_and_members(faceit: httpx.Client, world: FaceitWorld):
    for kind, found in (("hubs", world.scene.hubs), ("championships", world.scene.championships)):
        for one in found:
            described = _get(faceit, f"/{kind}/{one.competition_id}")
            assert described["name"] == one.name
            path = f"/{kind}/{one.competition_id}/matches?limit=100"
            first, second = (_get(faceit, f"{path}&offset={offset}")["items"] for offset in (0, 5))
            assert first[5:] == second[: len(first) - 5]
            assert {match["competition_id"] for match in first} == {one.competition_id}
            assert first[3] == _get(faceit, f"/matches/{first[3]['match_id']}")
            past, ongoing = (_get(faceit, f"{path}&type={type_}")["items"] for type_ in ("past", "ongoing"))
            assert {match["status"] for match in ongoing} <= {"ONGOING"}
            assert {match["status"] for match in past} <= {"FINISHED", "CANCELLED"}
    path = f"/hubs/{world.scene.hubs[0].competition_id}/members?limit=50"
    members = [item for offset in (0, 50, 100) for item in _get(faceit, f"{path}&offset={offset}")["items"]]
    assert {item["user_id"] for item in members} == {
        world.accounts.by_person[person].player_id for person in world.accounts.plays("cs2").tolist()
    }
    assert faceit.get(path.replace("=50", "=51")).status_code == 400


def test_a_match_of_two_maps_may_end_in_a_draw(faceit: httpx.Client, world: FaceitWorld):
    league = world.scene.championships[0]
    assert league.best_of == 2
    path = f"/championships/{league.competition_id}/matches?limit=100&type=past"
    matches = [one for one in _get(faceit, path)["items"] if one["status"] == "FINISHED"]
    matches = [one for one in matches if one["best_of"] == 2]
    scores = {tuple(one["results"]["score"].values()): one["results"]["winner"] for one in matches}
    assert scores == {(2, 0): "faction1", (1, 1): "", (0, 2): "faction2"}
    level = next(one for one in matches if one["results"]["winner"] == "")
    won = [one["round_stats"]["Winner"] for one in _get(faceit, f"/matches/{level['match_id']}/stats")["rounds"]]
    assert sorted(won) == sorted(team["faction_id"] for team in level["teams"].values())


def test_a_team_has_its_members(faceit: httpx.Client, world: FaceitWorld):
    team = world.scene.teams[0]
    response = _get(faceit, f"/teams/{team.team_id}")
    assert response["leader"] == response["members"][0]["user_id"]
    assert len(response["members"]) == 5 + (team.substitute is not None)
