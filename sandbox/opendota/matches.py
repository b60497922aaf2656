"""OpenDota's responses about matches: details, and the public and professional lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sandbox.dota_facts import CLUSTER_REGIONS
from sandbox.match_log import UNKNOWN, Ints, slot_of
from sandbox.opendota.rows import PARSER_VERSION
from sandbox.opendota.timeline import PARSED_KEYS, player_extras, timeline
from sandbox.people import HERO_IDS
from sandbox.pro_scene import LEAGUES
from sandbox.rules import RANKED_LOBBY, patch_at
from sandbox.world import World

PAGE_ROWS = 100
_CAPTAINS_MODE = 2
_ALL_PICK = 22
#: One of this many matches has its teams and league only as objects.
_OBJECTS_ALONE = 5
_SEQUENCE_BEHIND = 1_214_000_000  # difference between match_id and match_seq_num

JsonObject = dict[str, Any]


def detail(world: World, match_id: int, at: int) -> JsonObject | None:
    """`/matches/{match_id}`; None if the match is not (yet) listed."""
    match_log = world.match_log
    row = int(np.searchsorted(match_log.match_id, match_id))
    if row == len(match_log) or match_log.match_id[row] != match_id or match_log.visible_at[row] > at:
        return None
    rng = np.random.default_rng([world.seed, 4, match_id])
    is_parsed = bool(match_log.parsed_at[row] <= at)
    has_details = bool(match_log.details_at[row] <= at)
    radiant_win = bool(match_log.radiant_win[row]) if match_log.result_at[row] <= at else None
    cluster = int(match_log.cluster[row])
    duration = int(match_log.duration[row])
    radiant_score = int(match_log.kills[row, :5].sum())
    dire_score = int(match_log.kills[row, 5:].sum())
    lost, kept = (0, 2_047) if radiant_win else (2_047, 0)
    shared: JsonObject = {
        "start_time": int(match_log.start_time[row]),
        "duration": duration,
        "cluster": cluster,
        "lobby_type": int(match_log.lobby_type[row]),
        "game_mode": int(match_log.game_mode[row]),
        "radiant_win": radiant_win,
        "patch": int(patch_at(match_log.start_time[row : row + 1])[0]),
        "region": CLUSTER_REGIONS.get(cluster),
    }
    payload: JsonObject = {
        "match_id": match_id,
        "match_seq_num": match_id - _SEQUENCE_BEHIND,
        **shared,
        "version": PARSER_VERSION if is_parsed else None,
        "barracks_status_dire": 0 if radiant_win else 63,
        "barracks_status_radiant": 63 if radiant_win else 0,
        "tower_status_dire": lost,
        "tower_status_radiant": kept,
        "radiant_score": radiant_score,
        "dire_score": dire_score,
        "engine": 1,
        "first_blood_time": int(rng.integers(20, 300)) if duration else 0,
        "flags": 0,
        "human_players": 10,
        "leagueid": int(match_log.league[row]),
        "negative_votes": 0,
        "positive_votes": 0,
        "pre_game_duration": 90,
        "series_id": int(match_log.series[row]),
        "series_type": 3 if match_log.series[row] else 0,
        "replay_salt": int(rng.integers(1 << 31)),
        "picks_bans": _picks_bans(rng, int(match_log.game_mode[row]), match_log.hero[row].tolist()),
        "od_data": {"has_api": True, "has_gcdata": has_details, "has_parsed": is_parsed},
        "metadata": None,
        **_teams(world, row),
    }
    payload["replay_url"] = f"http://replay{cluster}.example.invalid/{match_id}_{payload['replay_salt']}.dem.bz2"
    _, tiers = world.standings(int(match_log.end_time[row]))
    players = [
        _player(world, row, column, shared=shared, rng=rng, tiers=tiers, has_details=has_details)
        for column in range(10)
    ]
    if is_parsed:
        payload |= timeline(rng, duration, bool(match_log.radiant_win[row]))
        for player in players:
            player.update(player_extras(rng, player))
    elif match_id % 2:
        # Not parsed: the upstream has null in some responses and omits the keys in others.
        payload.update(dict.fromkeys(PARSED_KEYS))
    payload["players"] = players
    return payload


def public_matches(world: World, query: Mapping[str, str], at: int) -> list[JsonObject]:
    """`/publicMatches`: the newest 100 matchmaking games below an id, within a range of average rank."""
    match_log = world.match_log
    chosen = np.isin(match_log.lobby_type, (0, RANKED_LOBBY)) & (match_log.average_rank != UNKNOWN)
    chosen &= np.maximum(match_log.details_at, match_log.result_at) <= at
    if "min_rank" in query:
        chosen &= match_log.average_rank >= int(query["min_rank"])
    if "max_rank" in query:
        chosen &= match_log.average_rank <= int(query["max_rank"])
    names = ("match_id", "radiant_win", "start_time", "duration", "lobby_type", "game_mode", "cluster")
    payloads = []
    for row in _newest(world, np.flatnonzero(chosen), query, at):
        payload: JsonObject = {name: getattr(match_log, name)[row].item() for name in names}
        payload["match_seq_num"] = payload["match_id"] - _SEQUENCE_BEHIND
        payload["avg_rank_tier"] = int(match_log.average_rank[row])
        payload["num_rank_tier"] = int(match_log.ranked_players[row])
        payload["radiant_team"] = match_log.hero[row, :5].tolist()
        payload["dire_team"] = match_log.hero[row, 5:].tolist()
        payloads.append(payload)
    return payloads


def pro_matches(world: World, query: Mapping[str, str], at: int) -> list[JsonObject]:
    """`/proMatches`: the newest 100 league matches below an id."""
    rows = _newest(world, np.flatnonzero(world.match_log.league), query, at)
    return [pro_match(world, int(row), at) for row in rows]


def pro_match(world: World, row: int, at: int) -> JsonObject:
    """One league match in the form of the list of professional matches."""
    match_log = world.match_log
    league = int(match_log.league[row])
    teams = {team.team_id: team for team in world.pro_scene.teams}
    return {
        "match_id": int(match_log.match_id[row]),
        "duration": int(match_log.duration[row]),
        "start_time": int(match_log.start_time[row]),
        "radiant_team_id": int(match_log.radiant_team[row]),
        "radiant_name": teams[int(match_log.radiant_team[row])].name,
        "dire_team_id": int(match_log.dire_team[row]),
        "dire_name": teams[int(match_log.dire_team[row])].name,
        "leagueid": league,
        "league_name": next(one.name for one in LEAGUES if one.league_id == league),
        "series_id": int(match_log.series[row]),
        "series_type": 3,
        "radiant_score": int(match_log.kills[row, :5].sum()),
        "dire_score": int(match_log.kills[row, 5:].sum()),
        "radiant_win": bool(match_log.radiant_win[row]) if match_log.result_at[row] <= at else None,
        "version": PARSER_VERSION if match_log.parsed_at[row] <= at else None,
    }


def _newest(world: World, rows: Ints, query: Mapping[str, str], at: int) -> list[int]:
    match_log = world.match_log
    rows = rows[match_log.visible_at[rows] <= at]
    if "less_than_match_id" in query:
        rows = rows[match_log.match_id[rows] < int(query["less_than_match_id"])]
    newest: list[int] = rows[::-1][:PAGE_ROWS].tolist()
    return newest


def _teams(world: World, row: int) -> JsonObject:
    match_log = world.match_log
    league = int(match_log.league[row])
    if not league:
        return {"radiant_team_id": None, "dire_team_id": None}
    payload: JsonObject = {"league": next(one._asdict() for one in LEAGUES if one.league_id == league)}
    payload["league"]["leagueid"] = payload["league"].pop("league_id")
    for side, team_id in (("radiant", int(match_log.radiant_team[row])), ("dire", int(match_log.dire_team[row]))):
        team = next(team for team in world.pro_scene.teams if team.team_id == team_id)
        payload |= {f"{side}_team_id": team_id, f"{side}_name": team.name, f"{side}_logo": team.logo}
        payload |= {
            f"{side}_team_complete": 1,
            f"{side}_captain": int(world.people.account_id[team.members[0]]),
        }
        payload[f"{side}_team"] = {"team_id": team_id, "name": team.name, "tag": team.tag}
    if match_log.match_id[row] % _OBJECTS_ALONE == 0:
        # The upstream has some teams and leagues only as objects.
        payload["leagueid"] = 0
        for side in ("radiant", "dire"):
            payload |= {f"{side}_team_id": None, f"{side}_name": None}
    return payload


def _picks_bans(rng: np.random.Generator, game_mode: int, heroes: list[int]) -> list[JsonObject] | None:
    """The draft of captain's mode, or the requested bans of all pick, which include picked heroes."""
    if game_mode == _CAPTAINS_MODE:
        return _draft(rng, heroes)
    if game_mode != _ALL_PICK:
        return None
    steps = [(True, hero, 0 if column < 5 else 1) for column, hero in enumerate(heroes)]
    free = [hero for hero in HERO_IDS.tolist() if hero not in heroes]
    requested_bans = [heroes[0], free[sum(heroes) % len(free)], heroes[7], free[sum(heroes) % len(free)]]
    steps += [(False, hero, 0) for hero in requested_bans]
    return [
        {"is_pick": is_pick, "hero_id": hero, "team": team, "order": order}
        for order, (is_pick, hero, team) in enumerate(steps)
    ]


def _draft(rng: np.random.Generator, heroes: list[int]) -> list[JsonObject]:
    """The draft of captain's mode: ten picks among fourteen bans."""
    free = [hero for hero in HERO_IDS.tolist() if hero not in heroes]
    bans = [free[index] for index in rng.choice(len(free), 14, replace=False)]
    steps = [(False, hero, index % 2) for index, hero in enumerate(bans)]
    steps += [(True, hero, 0 if column < 5 else 1) for column, hero in enumerate(heroes)]
    order = rng.permutation(len(steps)).tolist()
    return [
        {"is_pick": steps[step][0], "hero_id": steps[step][1], "team": steps[step][2], "order": place}
        for place, step in enumerate(order)
    ]


def _player(
    world: World,
    row: int,
    column: int,
    *,
    shared: JsonObject,
    rng: np.random.Generator,
    tiers: Ints,
    has_details: bool,
) -> JsonObject:
    """One of the ten players: about sixty keys, parsed or not. `tiers` are those of all people at the match's end."""
    match_log, people = world.match_log, world.people
    person = int(match_log.person[row, column])
    is_radiant = column < 5
    minutes = max(shared["duration"], 1) / 60
    kills, deaths, assists = (
        int(values[row, column]) for values in (match_log.kills, match_log.deaths, match_log.assists)
    )
    gold_per_min, xp_per_min = (int(rng.integers(low, 750)) for low in (250, 300))
    leaver = int(match_log.leaver[row, column])
    party, facet = (
        int(values[row, column]) if has_details and values[row, column] != UNKNOWN else None
        for values in (match_log.party, match_log.facet)
    )
    won = None if shared["radiant_win"] is None else is_radiant == shared["radiant_win"]
    player: JsonObject = {
        "player_slot": slot_of(column),
        "team_number": 0 if is_radiant else 1,
        "team_slot": column % 5,
        "hero_id": int(match_log.hero[row, column]),
        "hero_variant": facet,
        **{f"item_{place}": int(rng.integers(0, 250)) for place in range(6)},
        **{f"backpack_{place}": 0 for place in range(3)},
        "item_neutral": 0,
        "kills": kills,
        "deaths": deaths,
        "assists": assists,
        "leaver_status": None if leaver == UNKNOWN else leaver,
        "party_id": 0,
        "party_size": party,
        "last_hits": int(minutes * rng.uniform(1, 7)),
        "denies": int(rng.integers(0, 20)),
        "gold_per_min": gold_per_min,
        "xp_per_min": xp_per_min,
        "level": int(min(30, minutes * 0.7 + 1)),
        "net_worth": int(gold_per_min * minutes),
        "gold": int(rng.integers(0, 3_000)),
        "gold_spent": int(gold_per_min * minutes * 0.9),
        "hero_damage": int(kills * rng.uniform(700, 1_500)),
        "tower_damage": int(rng.integers(0, 5_000)),
        "hero_healing": 0,
        "ability_upgrades_arr": rng.integers(5_000, 8_000, 8).tolist(),
        "aghanims_scepter": 0,
        "aghanims_shard": 0,
        "moonshard": 0,
        "permanent_buffs": [],
        **shared,
        "isRadiant": is_radiant,
        "win": None if won is None else int(won),
        "lose": None if won is None else int(not won),
        "total_gold": int(gold_per_min * minutes),
        "total_xp": int(xp_per_min * minutes),
        "kills_per_min": kills / minutes,
        "kda": round((kills + assists) / (deaths + 1), 2),
        "abandons": int(leaver > 1),
        "benchmarks": {"gold_per_min": {"raw": gold_per_min, "pct": None}},
    }
    if not people.private[person]:
        account_id = int(people.account_id[person])
        tier = int(tiers[person]) or None
        player |= {"account_id": account_id, "personaname": people.names[person], "name": None}
        player |= {"last_login": None, "rank_tier": tier, "is_contributor": False, "is_subscriber": False}
    elif person % 3 < 2:
        # Anonymous: the upstream has null for some, 0 for some, and omits the key for others.
        player |= {"account_id": 0 if person % 3 else None, "rank_tier": None}
    return player
