"""OpenDota's responses about one player, except the list of matches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from sandbox.opendota.rows import DEFAULT_FIELDS, Rows
from sandbox.people import steam_id64
from sandbox.world import World

_AVATARS = "https://avatars.example.invalid"
_MAX_PEERS = 200

JsonObject = dict[str, Any]


def profile(world: World, person: int, at: int) -> JsonObject:
    """`/players/{id}`."""
    people = world.people
    account_id = int(people.account_id[person])
    rank = world.rank(person, at)
    mmr, tiers = world.standings(at)
    is_private = bool(people.private[person])
    return {
        "profile": {
            "account_id": account_id,
            "personaname": people.names[person],
            "name": _pro_name(world, person),
            "plus": person % 5 == 0,
            "cheese": 0,
            "steamid": str(steam_id64(account_id)),
            "avatar": f"{_AVATARS}/{account_id}.jpg",
            "avatarmedium": f"{_AVATARS}/{account_id}_medium.jpg",
            "avatarfull": f"{_AVATARS}/{account_id}_full.jpg",
            "profileurl": f"https://profiles.example.invalid/{steam_id64(account_id)}/",
            "last_login": iso(world.start + 60 * person) if person % 3 == 0 else None,
            "loccountrycode": people.countries[person],
            "status": None,
            "fh_unavailable": is_private,
            "is_contributor": False,
            "is_subscriber": False,
        },
        "rank_tier": rank.rank_tier,
        "leaderboard_rank": rank.leaderboard_rank,
        "computed_mmr": float(mmr[person]) + person % 7 / 10 if tiers[person] else None,
        "computed_mmr_turbo": None if is_private else float(mmr[person]) - 101.5,
        "aliases": [],
    }


def win_loss(rows: Rows) -> JsonObject:
    """`/players/{id}/wl`: matches without a known result count neither as win nor as loss."""
    wins = int(rows.is_win.sum())
    decided = int((rows.world.match_log.result_at[rows.match] <= rows.at).sum())
    return {"win": wins, "lose": decided - wins}


def ratings(world: World, person: int, at: int) -> list[JsonObject]:
    """`/players/{id}/ratings`: a row for each change of the shown tier."""
    return [{"time": iso(timestamp), "rank_tier": tier} for timestamp, tier in world.rank_history(person, at)]


def heroes(rows: Rows, listed: list[int]) -> list[JsonObject]:
    """`/players/{id}/heroes`: all heroes of the constants, most played first; other heroes are omitted."""
    match_log = rows.world.match_log
    table = {hero: _new_hero_row(hero) for hero in listed}
    lineups = match_log.hero[rows.match].tolist()
    starts = match_log.start_time[rows.match].tolist()
    for lineup, column, start, win in zip(lineups, rows.column.tolist(), starts, rows.is_win.tolist(), strict=True):
        for other, hero in enumerate(lineup):
            if hero not in table:
                continue
            row = table[hero]
            if other == column:
                row["games"] += 1
                row["win"] += win
                row["last_played"] = max(row["last_played"], start)
            else:
                side = "with" if (other < 5) == (column < 5) else "against"
                row[f"{side}_games"] += 1
                row[f"{side}_win"] += win
    return sorted(table.values(), key=lambda row: -row["games"])


def peers(rows: Rows, person: int) -> list[JsonObject]:
    """`/players/{id}/peers`: public players with or against whom the player played, most games together first."""
    world = rows.world
    people, match_log = world.people, world.match_log
    table: dict[int, JsonObject] = {}
    lineups = match_log.person[rows.match].tolist()
    starts = match_log.start_time[rows.match].tolist()
    for lineup, column, start, win in zip(lineups, rows.column.tolist(), starts, rows.is_win.tolist(), strict=True):
        for other, peer in enumerate(lineup):
            if peer == person or people.private[peer]:
                continue
            if peer not in table:
                table[peer] = _new_peer_row(world, peer)
            row = table[peer]
            side = "with" if (other < 5) == (column < 5) else "against"
            row["games"] += 1
            row["win"] += win
            row[f"{side}_games"] += 1
            row[f"{side}_win"] += win
            row["last_played"] = max(row["last_played"], start)
    return sorted(table.values(), key=lambda row: (-row["with_games"], row["account_id"]))[:_MAX_PEERS]


def totals(rows: Rows) -> list[JsonObject]:
    """`/players/{id}/totals`: by field, the number of matches with a value and the sum."""
    names = ("kills", "deaths", "assists", "duration")
    return [{"field": name, "n": len(rows), "sum": sum(int(v or 0) for v in rows.field(name))} for name in names]


def counts(rows: Rows) -> JsonObject:
    """`/players/{id}/counts`: games and wins by the values of some fields; a null counts as 0."""
    wins = rows.is_win
    names = ("leaver_status", "game_mode", "lobby_type", "region", "patch")
    payload = {name: _count(np.array([v or 0 for v in rows.field(name)], dtype=np.int64), wins) for name in names}
    payload["is_radiant"] = _count((rows.column < 5).astype(np.int64), wins)
    return payload


def recent_matches(rows: Rows) -> list[JsonObject]:
    """`/players/{id}/recentMatches`: the last 20, significant or not, with a few more numbers."""
    recent: list[JsonObject] = list(rows.at_positions(slice(20)).records((*DEFAULT_FIELDS, "cluster")))
    for row in recent:
        minutes = row["duration"] / 60
        row["last_hits"] = int(4 * minutes) + row["kills"]
        row["gold_per_min"] = 300 + 15 * row["kills"] if minutes else 0
        row["xp_per_min"] = 350 + 12 * row["kills"] if minutes else 0
        row.update(hero_damage=900 * row["kills"], tower_damage=0, hero_healing=0)
        row.update(lane=None, lane_role=None, is_roaming=None)
    return recent


def rankings(rows: Rows) -> list[JsonObject]:
    """`/players/{id}/rankings`: a score for each hero that the player has played."""
    played, games = np.unique(rows.world.match_log.hero[rows.match, rows.column], return_counts=True)
    return [
        {"hero_id": hero, "score": 100.0 * count, "percent_rank": count / (count + 1), "card": 100_000}
        for hero, count in zip(played.tolist(), games.tolist(), strict=True)
        if hero
    ]


def search(world: World, text: str, at: int) -> list[JsonObject]:
    """`/search`: names that contain the text, closest length first."""
    wanted = text.casefold()
    people = world.people
    found = [person for person, name in enumerate(people.names) if wanted and wanted in name.casefold()]
    found.sort(key=lambda person: (len(people.names[person]), person))
    return [
        {
            "account_id": int(people.account_id[person]),
            "personaname": people.names[person],
            "avatarfull": f"{_AVATARS}/{people.account_id[person]}_full.jpg",
            "last_match_time": _last_match(world, person, at),
            "similarity": len(wanted) / len(people.names[person]),
        }
        for person in found[:50]
    ]


def iso(timestamp: int) -> str:
    """A timestamp (Unix s) in OpenDota's format."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _pro_name(world: World, person: int) -> str | None:
    is_pro = any(person in team.members for team in world.pro_scene.teams)
    return world.people.names[person].lower() if is_pro else None


def _last_match(world: World, person: int, at: int) -> str | None:
    rows = Rows.of(world, person, at)
    return iso(int(world.match_log.start_time[rows.match[0]])) if len(rows) else None


def _new_hero_row(hero: int) -> JsonObject:
    names = ("last_played", "games", "win", "with_games", "with_win", "against_games", "against_win")
    return {"hero_id": hero, **dict.fromkeys(names, 0)}


def _new_peer_row(world: World, peer: int) -> JsonObject:
    account_id = int(world.people.account_id[peer])
    names = ("last_played", "win", "games", "with_win", "with_games", "against_win", "against_games")
    return {
        "account_id": account_id,
        **dict.fromkeys(names, 0),
        "personaname": world.people.names[peer],
        "name": _pro_name(world, peer),
        "is_contributor": False,
        "last_login": None,
        "avatar": f"{_AVATARS}/{account_id}.jpg",
        "avatarfull": f"{_AVATARS}/{account_id}_full.jpg",
    }


def _count(values: npt.NDArray[np.int64], wins: npt.NDArray[np.bool_]) -> dict[str, dict[str, int]]:
    return {
        str(value): {"games": int((values == value).sum()), "win": int(wins[values == value].sum())}
        for value in np.unique(values).tolist()
    }
