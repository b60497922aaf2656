"""OpenDota's responses about the game: constants, hero statistics, the distribution of ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sandbox.dota_facts import (
    CLUSTER_REGIONS,
    GAME_MODES,
    HEROES,
    LOBBY_TYPES,
    PATCHES,
    REGIONS,
    UPCOMING_HERO,
    Hero,
    Mode,
)
from sandbox.opendota.players import iso
from sandbox.rules import DAY_S, RANKED_LOBBY
from sandbox.world import World

_STATS_DAYS = 30
_TURBO = 23

JsonObject = dict[str, Any]


def constants(world: World, resource: str, at: int) -> JsonObject | list[JsonObject] | None:
    """`/constants/{resource}`; None if there is no such resource."""
    if resource == "heroes":
        return {str(hero.hero_id): _hero(hero) for hero in heroes_at(world, at)}
    if resource == "game_mode":
        return {str(mode.mode_id): _mode(mode) for mode in GAME_MODES}
    if resource == "lobby_type":
        return {str(mode.mode_id): _mode(mode) for mode in LOBBY_TYPES}
    if resource == "patch":
        return [
            {"name": patch.name, "date": iso(patch.released_at), "id": patch.patch_id}
            for patch in PATCHES
            if patch.released_at <= at
        ]
    if resource == "region":
        return {str(region): name for region, name in REGIONS.items()}
    if resource == "cluster":
        return {str(cluster): region for cluster, region in CLUSTER_REGIONS.items()}
    return None


def heroes_at(world: World, at: int) -> tuple[Hero, ...]:
    """The heroes in the constants at a time (s): a new hero is added after its first matches."""
    return HEROES if at < world.new_hero_listed_at else (*HEROES, UPCOMING_HERO)


def hero_stats(world: World, at: int) -> list[JsonObject]:
    """`/heroStats`: picks and wins of the last 30 days by medal, in turbo and in leagues."""
    match_log = world.match_log
    recent = (
        (match_log.visible_at <= at) & (match_log.result_at <= at) & (match_log.start_time > at - _STATS_DAYS * DAY_S)
    )
    medal = match_log.average_rank // 10
    public = recent & np.isin(match_log.lobby_type, (0, RANKED_LOBBY)) & (match_log.game_mode != _TURBO)
    groups: dict[str, npt.NDArray[np.bool_]] = {str(m): public & (medal == m) for m in range(1, 9)}
    groups |= {"turbo": recent & (match_log.game_mode == _TURBO), "pro": recent & (match_log.league > 0), "pub": public}
    tables = {name: _picks_and_wins(world, rows) for name, rows in groups.items()}
    payloads = []
    for hero in heroes_at(world, at):
        row = _hero(hero) | {"hero_id": hero.hero_id}
        for name, (picks, wins) in tables.items():
            many = "s" if name == "turbo" else ""
            row |= {
                f"{name}_pick{many}": int(picks[hero.hero_id]),
                f"{name}_win{many}": int(wins[hero.hero_id]),
            }
        payloads.append(row | {"pro_ban": 0})
    return payloads


def distributions(world: World, at: int) -> JsonObject:
    """`/distributions`: number of people by rank tier."""
    _, tiers = world.standings(at)
    values, held = np.unique(tiers[tiers > 0], return_counts=True)
    rows = [
        {"bin": tier, "bin_name": tier, "count": count, "cumulative_sum": total}
        for tier, count, total in zip(values.tolist(), held.tolist(), np.cumsum(held).tolist(), strict=True)
    ]
    return {"ranks": {"command": "SELECT", "rowCount": len(rows), "rows": rows, "sum": {"count": int(held.sum())}}}


def _picks_and_wins(world: World, rows: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    match_log = world.match_log
    hero = match_log.hero[rows]
    win = np.repeat(np.stack([match_log.radiant_win[rows], ~match_log.radiant_win[rows]], axis=1), 5, axis=1)
    size = UPCOMING_HERO.hero_id + 1
    return np.bincount(hero.ravel(), minlength=size), np.bincount(hero[win], minlength=size)


def _hero(hero: Hero) -> JsonObject:
    return {
        "id": hero.hero_id,
        "name": hero.name,
        "primary_attr": hero.primary_attr,
        "attack_type": hero.attack_type,
        "roles": ["Carry"] if hero.primary_attr == "agi" else ["Support"],
        "img": f"/apps/dota2/images/dota_react/heroes/{hero.name.removeprefix('npc_dota_hero_')}.png?",
        "base_health": 120,
        "base_mana": 75,
        "base_armor": 0,
        "turn_rate": None,
        "cm_enabled": hero is not UPCOMING_HERO,
        "legs": 2,
        "localized_name": hero.localized_name,
    }


def _mode(mode: Mode) -> JsonObject:
    return {"id": mode.mode_id, "name": mode.name, "balanced": mode.balanced}
