"""The fields that a parsed replay adds to a match: curves, objectives, chat, and logs of each player."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.match_log import slot_of

JsonObject = dict[str, Any]

# Keys of a parsed player that are empty in the sandbox.
_EMPTY_MAPS = """
    actions ability_targets ability_uses damage_targets gold_reasons xp_reasons hero_hits damage
    damage_taken damage_inflictor damage_inflictor_received lane_pos killed killed_by item_uses purchase
    obs sen life_state multi_kills runes kill_streaks healing item_usage item_win purchase_time
    first_purchase_time
"""
_EMPTY_LOGS = """
    buyback_log connection_log obs_log sen_log obs_left_log sen_left_log runes_log
"""
_ZEROS = """
    towers_killed roshans_killed camps_stacked creeps_stacked rune_pickups observer_kills sentry_kills
    roshan_kills courier_kills necronomicon_kills ancient_kills buyback_count
"""

# Keys that may be null in an unparsed match.
PARSED_KEYS = ("chat", "objectives", "radiant_gold_adv", "radiant_xp_adv", "teamfights", "cosmetics")

# Invented chat messages, which look like personal text, since the warehouse has to strip them.
_PHRASES = ("gl hf", "mid missing", "ward pls", "nice save", "brb", "report later", "gg")
_OBJECTIVES = ("CHAT_MESSAGE_FIRSTBLOOD", "building_kill", "CHAT_MESSAGE_ROSHAN_KILL", "CHAT_MESSAGE_AEGIS")


def timeline(rng: np.random.Generator, duration: int, radiant_win: bool) -> JsonObject:
    """The match-level keys of a parsed match. `duration` in s."""
    minutes = duration // 60 + 1
    drift = 140 if radiant_win else -140
    gold = np.cumsum(rng.normal(drift, 600, minutes)).astype(int)
    gold[0] = 0
    lead = gold if radiant_win else -gold
    objectives = [
        {
            "time": int(rng.integers(60, max(61, duration))),
            "type": kind,
            "slot": (slot := int(rng.integers(10))),
        }
        | {"player_slot": slot_of(slot)}
        for kind in _OBJECTIVES
    ]
    chat = [
        {"time": int(rng.integers(-60, max(1, duration))), "type": "chat", "key": str(rng.choice(_PHRASES))}
        | {"slot": (slot := int(rng.integers(10))), "player_slot": slot_of(slot)}
        for _ in range(int(rng.integers(1, 8)))
    ]
    return {
        "objectives": sorted(objectives, key=lambda one: one["time"]),
        "chat": sorted(chat, key=lambda one: one["time"]),
        "radiant_gold_adv": gold.tolist(),
        "radiant_xp_adv": (gold * 1.2).astype(int).tolist(),
        "teamfights": [
            {"start": start, "end": start + 45, "last_death": start + 30, "deaths": int(rng.integers(3, 9))}
            for start in range(600, duration, 900)
        ],
        "draft_timings": [],
        "cosmetics": {},
        "all_word_counts": {},
        "my_word_counts": {},
        "throw": max(0, int(-lead.min())),
        "loss": max(0, int(lead.max())),
        "comeback": max(0, int(-lead.min())),
        "stomp": max(0, int(lead.max())),
        "pauses": [],
    }


def player_extras(rng: np.random.Generator, player: JsonObject) -> JsonObject:
    """The keys that a parsed match adds to one of its players."""
    minutes = player["duration"] // 60 + 1
    times = list(range(0, minutes * 60, 60))
    lane = int(rng.integers(1, 5))
    return {
        **{name: {} for name in _EMPTY_MAPS.split()},
        **{name: [] for name in _EMPTY_LOGS.split()},
        **dict.fromkeys(_ZEROS.split(), 0),
        "times": times,
        "gold_t": [int(player["gold_per_min"] * second / 60) for second in times],
        "xp_t": [int(player["xp_per_min"] * second / 60) for second in times],
        "lh_t": [int(player["last_hits"] * second / max(1, times[-1])) for second in times],
        "dn_t": [0 for _ in times],
        "kills_log": [
            {"time": int(second), "key": "npc_dota_hero_axe"}
            for second in sorted(rng.integers(0, max(1, player["duration"]), player["kills"]).tolist())
        ],
        "purchase_log": [{"time": -60, "key": "tango"}],
        "lane": min(lane, 3),
        "lane_role": lane,
        "is_roaming": lane == 4,
        "lane_efficiency": (efficiency := float(rng.uniform(0.3, 1.0))),
        "lane_efficiency_pct": int(100 * efficiency),
        "stuns": float(rng.uniform(0, 90)),
        "obs_placed": int(rng.integers(0, 15)),
        "sen_placed": int(rng.integers(0, 20)),
        "observer_uses": int(rng.integers(0, 15)),
        "sentry_uses": int(rng.integers(0, 20)),
        "pings": int(rng.integers(0, 80)),
        "actions_per_min": int(rng.integers(80, 400)),
        "teamfight_participation": float(rng.uniform(0.2, 1.0)),
        "firstblood_claimed": 0,
        "randomed": False,
        "repicked": False,
        "pred_vict": False,
        "performance_others": None,
        "max_hero_hit": {"type": "max_hero_hit", "value": int(rng.integers(200, 1_500))},
        "neutral_kills": int(rng.integers(0, 80)),
        "lane_kills": player["last_hits"],
        "hero_kills": player["kills"],
        "tower_kills": 0,
        "life_state_dead": 40 * player["deaths"],
        "additional_units": None,
    }
