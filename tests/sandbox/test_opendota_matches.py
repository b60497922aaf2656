"""Matches, teams, leagues and constants in OpenDota's form."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

from sandbox.server import Sandbox


def _get(api: httpx.Client, path: str) -> Any:
    response = api.get(path)
    assert response.status_code == 200, response.text
    return response.json()


def _details(api: httpx.Client, sandbox: Sandbox, chosen: np.ndarray, count: int = 6) -> list[dict[str, Any]]:
    match_log = sandbox.world.match_log
    rows = np.flatnonzero(chosen & (match_log.visible_at <= sandbox.world.now))[:count]
    assert len(rows)
    return [_get(api, f"/matches/{match_log.match_id[row]}") for row in rows]


def test_a_parsed_match_has_what_an_unparsed_one_lacks(api: httpx.Client, sandbox: Sandbox):
    is_parsed = sandbox.world.match_log.parsed_at <= sandbox.world.now
    only_parsed = ("chat", "objectives", "radiant_gold_adv", "radiant_xp_adv")
    for match in _details(api, sandbox, is_parsed):
        assert match["version"]
        assert all(match[name] is not None for name in only_parsed)
        assert len(match["players"][0]) > 110
    unparsed = _details(api, sandbox, ~is_parsed)
    for match in unparsed:
        assert match["version"] is None
        assert all(match.get(name) is None for name in only_parsed)
        assert 50 <= len(match["players"][0]) <= 70
    assert {"chat" in match for match in unparsed} == {True, False}


def test_match_details_agree_with_the_players_lists(api: httpx.Client, sandbox: Sandbox, account: int):
    for record in _get(api, f"/players/{account}/matches?significant=0&limit=30"):
        match = _get(api, f"/matches/{record['match_id']}")
        player = next(row for row in match["players"] if row["player_slot"] == record["player_slot"])
        assert player["account_id"] == account
        for name in ("radiant_win", "duration", "game_mode", "lobby_type", "start_time", "version"):
            assert match[name] == record[name], name
        for name in ("hero_id", "kills", "deaths", "assists", "leaver_status", "party_size"):
            assert player[name] == record[name], name


def test_anonymous_players_have_a_null_account_or_zero_or_none(api: httpx.Client, sandbox: Sandbox):
    matches = _details(api, sandbox, np.ones(len(sandbox.world.match_log), dtype=bool), 60)
    players = [player for match in matches for player in match["players"]]
    hidden = [player for player in players if not player.get("account_id")]
    assert {player.get("account_id", "left out") for player in hidden} == {None, 0, "left out"}
    assert 0 < len(hidden) < len(players) / 2


def test_captains_mode_has_a_draft_and_all_pick_the_requested_bans(api: httpx.Client, sandbox: Sandbox):
    mode = sandbox.world.match_log.game_mode
    for match in _details(api, sandbox, mode == 2):
        picks = [step for step in match["picks_bans"] if step["is_pick"]]
        heroes = {player["hero_id"] for player in match["players"]}
        assert {step["hero_id"] for step in picks} == heroes
        assert len(picks) == 10 < len(match["picks_bans"])
        assert [step["order"] for step in match["picks_bans"]] == list(range(24))
    for match in _details(api, sandbox, mode == 22):
        requested = [step["hero_id"] for step in match["picks_bans"] if not step["is_pick"]]
        # Some of the bans were picked nevertheless, and some were requested twice.
        assert (
            len(set(requested) - {player["hero_id"] for player in match["players"]})
            < len(set(requested))
            < len(requested)
        )
    assert all(match["picks_bans"] is None for match in _details(api, sandbox, mode == 23))


def test_an_unknown_cluster_has_no_region_and_an_unknown_region_no_name(api: httpx.Client, sandbox: Sandbox):
    cluster = sandbox.world.match_log.cluster
    regions = _get(api, "/constants/region")
    for match in _details(api, sandbox, cluster == 399):
        assert match["region"] is None
    for match in _details(api, sandbox, cluster == 410):
        assert str(match["region"]) not in regions


def test_a_match_that_is_not_yet_listed_is_not_found(api: httpx.Client, sandbox: Sandbox):
    match_log = sandbox.world.match_log
    unlisted = match_log.match_id[match_log.visible_at > sandbox.world.now]
    assert len(unlisted)
    for path in (f"/matches/{unlisted[0]}", "/matches/17", "/matches/first"):
        assert (api.get(path).status_code, api.get(path).json()) == (404, {"error": "Not Found"})


@pytest.mark.parametrize("endpoint", ["/publicMatches", "/proMatches"])
def test_lists_page_downwards_by_match_id(api: httpx.Client, endpoint: str):
    ids: list[int] = []
    path = endpoint
    while page := [row["match_id"] for row in _get(api, path)]:
        assert len(page) <= 100
        ids += page
        path = f"{endpoint}?less_than_match_id={page[-1]}"
    assert ids == sorted(set(ids), reverse=True)


def test_public_matches_are_within_the_requested_ranks(api: httpx.Client):
    rows = _get(api, "/publicMatches?min_rank=31&max_rank=45")
    assert rows
    assert all(31 <= row["avg_rank_tier"] <= 45 for row in rows)
    assert all(len(row["radiant_team"]) == len(row["dire_team"]) == 5 for row in rows)
    assert all(isinstance(hero, int) for row in rows for hero in row["radiant_team"])


def test_pro_matches_name_teams_and_league(api: httpx.Client):
    teams = {row["team_id"]: row["name"] for row in _get(api, "/teams")}
    leagues = {row["leagueid"]: row["name"] for row in _get(api, "/leagues")}
    for match in _get(api, "/proMatches"):
        assert teams[match["radiant_team_id"]] == match["radiant_name"]
        assert leagues[match["leagueid"]] == match["league_name"]


def test_some_matches_have_teams_and_league_only_as_objects(api: httpx.Client, sandbox: Sandbox):
    teams = {row["team_id"]: row["name"] for row in _get(api, "/teams")}
    is_flat = set()
    for match in _details(api, sandbox, sandbox.world.match_log.league > 0, 40):
        assert teams[match["radiant_team"]["team_id"]] == match["radiant_team"]["name"]
        assert match["league"].keys() >= {"leagueid", "name"}
        assert match["radiant_team_id"] in (None, match["radiant_team"]["team_id"])
        assert bool(match["leagueid"]) == bool(match["radiant_team_id"]) == bool(match["radiant_name"])
        is_flat.add(bool(match["leagueid"]))
    assert is_flat == {True, False}


def test_a_teams_record_is_that_of_its_matches(api: httpx.Client, sandbox: Sandbox):
    accounts = set(sandbox.world.people.account_id.tolist())
    for team in _get(api, "/teams"):
        matches = _get(api, f"/teams/{team['team_id']}/matches")
        results = [row["radiant"] == row["radiant_win"] for row in matches if row["radiant_win"] is not None]
        assert (team["wins"], team["losses"]) == (results.count(True), results.count(False))
        assert _get(api, f"/teams/{team['team_id']}") == team
        members = _get(api, f"/teams/{team['team_id']}/players")
        assert len(members) == 5
        assert {row["account_id"] for row in members} <= accounts
    assert api.get("/teams/1").status_code == 404


def test_leagues_list_their_matches_and_teams_and_an_unknown_one_is_empty(api: httpx.Client):
    leagues = _get(api, "/leagues")
    assert None in [row["tier"] for row in leagues]
    total = 0
    for league in leagues:
        path = f"/leagues/{league['leagueid']}"
        assert _get(api, path) == league
        matches = _get(api, f"{path}/matches")
        there = {row[side] for row in matches for side in ("radiant_team_id", "dire_team_id")}
        assert {row["team_id"] for row in _get(api, f"{path}/teams")} == there
        total += len(matches)
    assert total > 0
    unknown = api.get("/leagues/1")
    assert (unknown.status_code, unknown.content) == (200, b"")


def test_constants_cover_every_resource(api: httpx.Client):
    heroes = _get(api, "/constants/heroes")
    assert len(heroes) == 127
    assert heroes["1"]["localized_name"] == "Anti-Mage"
    assert "24" not in heroes
    assert _get(api, "/constants/game_mode")["22"] == {"id": 22, "name": "game_mode_all_draft", "balanced": True}
    assert _get(api, "/constants/game_mode")["23"]["balanced"] is False
    assert _get(api, "/constants/lobby_type")["7"]["balanced"] is True
    assert _get(api, "/constants/patch")[60]["name"] == "7.41"
    assert _get(api, "/constants/cluster")["111"] == 1
    assert _get(api, "/constants/region")["3"] == "EUROPE"


def test_hero_stats_and_distributions_are_over_the_world(api: httpx.Client):
    stats = _get(api, "/heroStats")
    assert len(stats) == 127
    assert sum(row["pub_pick"] for row in stats) > 0
    assert all(row["pub_win"] <= row["pub_pick"] for row in stats)
    ranks = _get(api, "/distributions")["ranks"]
    assert ranks["rows"][-1]["cumulative_sum"] == ranks["sum"]["count"] == sum(r["count"] for r in ranks["rows"])
