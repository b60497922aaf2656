"""OpenDota's answers about matches: details, and the public and professional lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sandbox.dota_facts import CLUSTER_REGIONS
from sandbox.opendota.rows import PARSER_VERSION
from sandbox.opendota.timeline import PARSED_KEYS, player_extras, timeline
from sandbox.people import HERO_IDS
from sandbox.pro_scene import LEAGUES
from sandbox.rules import RANKED_LOBBY, patch_at
from sandbox.tape import UNKNOWN, Ints, slot_of
from sandbox.world import World

PAGE_ROWS = 100
_CAPTAINS_MODE = 2
_ALL_PICK = 22
#: One match of so many has its teams and its league as objects alone.
_OBJECTS_ALONE = 5
_SEQUENCE_BEHIND = 1_214_000_000  # match_seq_num runs behind match_id

Answer = dict[str, Any]


def detail(world: World, match_id: int, at: int) -> Answer | None:
    """`/matches/{match_id}`; None when the match is not (yet) listed."""
    tape = world.tape
    row = int(np.searchsorted(tape.match_id, match_id))
    if row == len(tape) or tape.match_id[row] != match_id or tape.visible_at[row] > at:
        return None
    rng = np.random.default_rng([world.seed, 4, match_id])
    is_parsed = bool(tape.parsed_at[row] <= at)
    has_details = bool(tape.details_at[row] <= at)
    radiant_win = bool(tape.radiant_win[row]) if tape.result_at[row] <= at else None
    cluster = int(tape.cluster[row])
    duration = int(tape.duration[row])
    radiant_score = int(tape.kills[row, :5].sum())
    dire_score = int(tape.kills[row, 5:].sum())
    lost, kept = (0, 2_047) if radiant_win else (2_047, 0)
    shared: Answer = {
        "start_time": int(tape.start_time[row]),
        "duration": duration,
        "cluster": cluster,
        "lobby_type": int(tape.lobby_type[row]),
        "game_mode": int(tape.game_mode[row]),
        "radiant_win": radiant_win,
        "patch": int(patch_at(tape.start_time[row : row + 1])[0]),
        "region": CLUSTER_REGIONS.get(cluster),
    }
    answer: Answer = {
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
        "leagueid": int(tape.league[row]),
        "negative_votes": 0,
        "positive_votes": 0,
        "pre_game_duration": 90,
        "series_id": int(tape.series[row]),
        "series_type": 3 if tape.series[row] else 0,
        "replay_salt": int(rng.integers(1 << 31)),
        "picks_bans": _picks_bans(rng, int(tape.game_mode[row]), tape.hero[row].tolist()),
        "od_data": {"has_api": True, "has_gcdata": has_details, "has_parsed": is_parsed},
        "metadata": None,
        **_teams(world, row),
    }
    answer["replay_url"] = f"http://replay{cluster}.example.invalid/{match_id}_{answer['replay_salt']}.dem.bz2"
    _, tiers = world.standings(int(tape.end_time[row]))
    players = [
        _player(world, row, column, shared=shared, rng=rng, tiers=tiers, has_details=has_details)
        for column in range(10)
    ]
    if is_parsed:
        answer |= timeline(rng, duration, bool(tape.radiant_win[row]))
        for player in players:
            player.update(player_extras(rng, player))
    elif match_id % 2:
        # Not parsed: upstream writes null in some answers and leaves the keys out in others.
        answer.update(dict.fromkeys(PARSED_KEYS))
    answer["players"] = players
    return answer


def public_matches(world: World, query: Mapping[str, str], at: int) -> list[Answer]:
    """`/publicMatches`: the newest 100 matchmaking games below an id, within a range of average rank."""
    tape = world.tape
    chosen = np.isin(tape.lobby_type, (0, RANKED_LOBBY)) & (tape.average_rank != UNKNOWN)
    chosen &= np.maximum(tape.details_at, tape.result_at) <= at
    if "min_rank" in query:
        chosen &= tape.average_rank >= int(query["min_rank"])
    if "max_rank" in query:
        chosen &= tape.average_rank <= int(query["max_rank"])
    names = ("match_id", "radiant_win", "start_time", "duration", "lobby_type", "game_mode", "cluster")
    answers = []
    for row in _newest(world, np.flatnonzero(chosen), query, at):
        answer: Answer = {name: getattr(tape, name)[row].item() for name in names}
        answer["match_seq_num"] = answer["match_id"] - _SEQUENCE_BEHIND
        answer["avg_rank_tier"] = int(tape.average_rank[row])
        answer["num_rank_tier"] = int(tape.ranked_players[row])
        answer["radiant_team"] = tape.hero[row, :5].tolist()
        answer["dire_team"] = tape.hero[row, 5:].tolist()
        answers.append(answer)
    return answers


def pro_matches(world: World, query: Mapping[str, str], at: int) -> list[Answer]:
    """`/proMatches`: the newest 100 league matches below an id."""
    rows = _newest(world, np.flatnonzero(world.tape.league), query, at)
    return [pro_match(world, int(row), at) for row in rows]


def pro_match(world: World, row: int, at: int) -> Answer:
    """One league match, as the lists of professional matches show it."""
    tape = world.tape
    league = int(tape.league[row])
    teams = {team.team_id: team for team in world.pro_scene.teams}
    return {
        "match_id": int(tape.match_id[row]),
        "duration": int(tape.duration[row]),
        "start_time": int(tape.start_time[row]),
        "radiant_team_id": int(tape.radiant_team[row]),
        "radiant_name": teams[int(tape.radiant_team[row])].name,
        "dire_team_id": int(tape.dire_team[row]),
        "dire_name": teams[int(tape.dire_team[row])].name,
        "leagueid": league,
        "league_name": next(one.name for one in LEAGUES if one.league_id == league),
        "series_id": int(tape.series[row]),
        "series_type": 3,
        "radiant_score": int(tape.kills[row, :5].sum()),
        "dire_score": int(tape.kills[row, 5:].sum()),
        "radiant_win": bool(tape.radiant_win[row]) if tape.result_at[row] <= at else None,
        "version": PARSER_VERSION if tape.parsed_at[row] <= at else None,
    }


def _newest(world: World, rows: Ints, query: Mapping[str, str], at: int) -> list[int]:
    tape = world.tape
    rows = rows[tape.visible_at[rows] <= at]
    if "less_than_match_id" in query:
        rows = rows[tape.match_id[rows] < int(query["less_than_match_id"])]
    newest: list[int] = rows[::-1][:PAGE_ROWS].tolist()
    return newest


def _teams(world: World, row: int) -> Answer:
    tape = world.tape
    league = int(tape.league[row])
    if not league:
        return {"radiant_team_id": None, "dire_team_id": None}
    answer: Answer = {"league": next(one._asdict() for one in LEAGUES if one.league_id == league)}
    answer["league"]["leagueid"] = answer["league"].pop("league_id")
    for side, team_id in (("radiant", int(tape.radiant_team[row])), ("dire", int(tape.dire_team[row]))):
        team = next(team for team in world.pro_scene.teams if team.team_id == team_id)
        answer |= {f"{side}_team_id": team_id, f"{side}_name": team.name, f"{side}_logo": team.logo}
        answer |= {
            f"{side}_team_complete": 1,
            f"{side}_captain": int(world.people.account_id[team.members[0]]),
        }
        answer[f"{side}_team"] = {"team_id": team_id, "name": team.name, "tag": team.tag}
    if tape.match_id[row] % _OBJECTS_ALONE == 0:
        # Upstream has some teams and leagues as objects alone.
        answer["leagueid"] = 0
        for side in ("radiant", "dire"):
            answer |= {f"{side}_team_id": None, f"{side}_name": None}
    return answer


def _picks_bans(rng: np.random.Generator, game_mode: int, heroes: list[int]) -> list[Answer] | None:
    """The draft of captain's mode, and requested bans of all pick, also of heroes that were picked."""
    if game_mode == _CAPTAINS_MODE:
        return _draft(rng, heroes)
    if game_mode != _ALL_PICK:
        return None
    steps = [(True, hero, 0 if column < 5 else 1) for column, hero in enumerate(heroes)]
    free = [hero for hero in HERO_IDS.tolist() if hero not in heroes]
    asked = [heroes[0], free[sum(heroes) % len(free)], heroes[7], free[sum(heroes) % len(free)]]
    steps += [(False, hero, 0) for hero in asked]
    return [
        {"is_pick": is_pick, "hero_id": hero, "team": team, "order": order}
        for order, (is_pick, hero, team) in enumerate(steps)
    ]


def _draft(rng: np.random.Generator, heroes: list[int]) -> list[Answer]:
    """Captain's mode: the ten picked heroes between fourteen bans."""
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
    shared: Answer,
    rng: np.random.Generator,
    tiers: Ints,
    has_details: bool,
) -> Answer:
    """One of the ten: about sixty keys, whether parsed or not. `tiers` are everybody's at the match's end."""
    tape, people = world.tape, world.people
    person = int(tape.person[row, column])
    is_radiant = column < 5
    minutes = max(shared["duration"], 1) / 60
    kills, deaths, assists = (int(values[row, column]) for values in (tape.kills, tape.deaths, tape.assists))
    gold_per_min, xp_per_min = (int(rng.integers(low, 750)) for low in (250, 300))
    leaver = int(tape.leaver[row, column])
    party, facet = (
        int(values[row, column]) if has_details and values[row, column] != UNKNOWN else None
        for values in (tape.party, tape.facet)
    )
    won = None if shared["radiant_win"] is None else is_radiant == shared["radiant_win"]
    player: Answer = {
        "player_slot": slot_of(column),
        "team_number": 0 if is_radiant else 1,
        "team_slot": column % 5,
        "hero_id": int(tape.hero[row, column]),
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
        # Anonymous: upstream writes null for some, 0 for some, and leaves the key out for others.
        player |= {"account_id": 0 if person % 3 else None, "rank_tier": None}
    return player
