"""OpenDota's responses about teams and leagues."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.match_log import Ints
from sandbox.opendota.matches import pro_match
from sandbox.pro_scene import LEAGUES, League, Team
from sandbox.world import World

_ELO_STEP = 32.0

JsonObject = dict[str, Any]


def teams(world: World, at: int) -> list[JsonObject]:
    """`/teams`: all teams, best rated first."""
    match_log = world.match_log
    record = {
        team.team_id: {"rating": 1_000.0, "wins": 0, "losses": 0, "last_match_time": 0}
        for team in world.pro_scene.teams
    }
    for row in _league_rows(world, at).tolist():
        radiant, dire = record[int(match_log.radiant_team[row])], record[int(match_log.dire_team[row])]
        for one in (radiant, dire):
            one["last_match_time"] = int(match_log.start_time[row])
        if match_log.result_at[row] > at:
            continue
        winner, loser = (radiant, dire) if match_log.radiant_win[row] else (dire, radiant)
        expected = 1 / (1 + 10 ** ((loser["rating"] - winner["rating"]) / 400))
        winner["rating"] += _ELO_STEP * (1 - expected)
        loser["rating"] -= _ELO_STEP * (1 - expected)
        winner["wins"] += 1
        loser["losses"] += 1
    rows = [
        {
            "team_id": team.team_id,
            **record[team.team_id],
            "name": team.name,
            "tag": team.tag,
            "logo_url": f"https://teams.example.invalid/{team.logo}.png",
        }
        for team in world.pro_scene.teams
    ]
    return sorted(rows, key=lambda row: (-row["rating"], row["team_id"]))


def team_matches(world: World, team: Team, at: int) -> list[JsonObject]:
    """`/teams/{id}/matches`, newest first."""
    match_log = world.match_log
    payloads = []
    for row in _team_rows(world, team, at)[::-1].tolist():
        match = pro_match(world, row, at)
        is_radiant = match["radiant_team_id"] == team.team_id
        other = match["dire_team_id" if is_radiant else "radiant_team_id"]
        opponent = next(one for one in world.pro_scene.teams if one.team_id == other)
        names = (
            "match_id",
            "radiant_win",
            "radiant_score",
            "dire_score",
            "duration",
            "start_time",
            "leagueid",
        )
        payloads.append(
            {name: match[name] for name in (*names, "league_name")}
            | {
                "radiant": is_radiant,
                "cluster": int(match_log.cluster[row]),
                "opposing_team_id": opponent.team_id,
                "opposing_team_name": opponent.name,
                "opposing_team_logo": f"https://teams.example.invalid/{opponent.logo}.png",
            }
        )
    return payloads


def team_players(world: World, team: Team, at: int) -> list[JsonObject]:
    """`/teams/{id}/players`: each member's games for the team."""
    match_log = world.match_log
    rows = _team_rows(world, team, at)
    is_radiant = match_log.radiant_team[rows] == team.team_id
    wins = int(((match_log.result_at[rows] <= at) & (is_radiant == match_log.radiant_win[rows])).sum())
    return [
        {
            "account_id": int(world.people.account_id[person]),
            "name": world.people.names[person],
            "games_played": len(rows),
            "wins": wins,
            "is_current_team_member": True,
        }
        for person in team.members
    ]


def league(one: League) -> JsonObject:
    """One league in the form of `/leagues`."""
    return {"leagueid": one.league_id, "ticket": None, "banner": None, "tier": one.tier, "name": one.name}


def league_matches(world: World, one: League, at: int) -> list[JsonObject]:
    """`/leagues/{id}/matches`, newest first."""
    rows = _league_rows(world, at)
    rows = rows[world.match_log.league[rows] == one.league_id][::-1]
    return [pro_match(world, row, at) for row in rows.tolist()]


def league_teams(world: World, one: League, at: int) -> list[JsonObject]:
    """`/leagues/{id}/teams`: the teams that played in it."""
    rows = _league_rows(world, at)
    rows = rows[world.match_log.league[rows] == one.league_id]
    there = set(world.match_log.radiant_team[rows].tolist()) | set(world.match_log.dire_team[rows].tolist())
    return [row for row in teams(world, at) if row["team_id"] in there]


def find_team(world: World, team_id: int) -> Team | None:
    """The team with this id."""
    return next((team for team in world.pro_scene.teams if team.team_id == team_id), None)


def find_league(league_id: int) -> League | None:
    """The league with this id."""
    return next((one for one in LEAGUES if one.league_id == league_id), None)


def _league_rows(world: World, at: int) -> Ints:
    match_log = world.match_log
    rows: Ints = np.flatnonzero((match_log.league > 0) & (match_log.visible_at <= at))
    return rows


def _team_rows(world: World, team: Team, at: int) -> Ints:
    match_log = world.match_log
    rows = _league_rows(world, at)
    plays = (match_log.radiant_team[rows] == team.team_id) | (match_log.dire_team[rows] == team.team_id)
    theirs: Ints = rows[plays]
    return theirs
