"""FACEIT's responses about hubs, championships and premade teams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np

from sandbox.faceit.accounts import CS2
from sandbox.faceit.factions import ASSETS, PAGES, avatar_of, page_of
from sandbox.faceit.matches import detail
from sandbox.faceit.paging import paged
from sandbox.faceit.scene import Competition, Team
from sandbox.faceit.world import FaceitWorld
from sandbox.rules import DAY_S

_ROUNDS = 9

JsonObject = dict[str, Any]


def hub(faceit: FaceitWorld, one: Competition) -> JsonObject:
    """`/hubs/{id}`."""
    return {
        **_described(one),
        "hub_id": one.competition_id,
        "cover_image": f"{ASSETS}/hubs/{one.competition_id}.jpg",
        "background_image": "",
        "description": "",
        "chat_room_id": f"hub-{one.competition_id}-general",
        "rule_id": "",
        "players_joined": len(members(faceit)),
        "min_skill_level": 1,
        "max_skill_level": 10,
        "join_permission": "PUBLIC",
        "faceit_url": f"{PAGES}/hub/{one.competition_id}/{quote(one.name)}",
    }


def members(faceit: FaceitWorld) -> list[JsonObject]:
    """`/hubs/{id}/members`: all players of cs2 are members of every hub."""
    accounts = [faceit.accounts.by_person[person] for person in faceit.accounts.plays(CS2).tolist()]
    return [
        {
            "user_id": account.player_id,
            "nickname": account.nickname,
            "avatar": avatar_of(account),
            "roles": ["member", "owner"] if place == 0 else ["member"],
            "faceit_url": page_of(account),
        }
        for place, account in enumerate(accounts)
    ]


def championship(faceit: FaceitWorld, one: Competition) -> JsonObject:
    """`/championships/{id}`. Its timestamps are milliseconds."""
    begins = faceit.world.start * 1_000
    hour = 3_600_000
    return {
        **_described(one),
        "id": one.competition_id,
        "championship_id": one.competition_id,
        "cover_image": "",
        "background_image": "",
        "description": "",
        "type": "roundRobin" if one.best_of == 1 else "bracket",
        "status": "started",
        "featured": False,
        "subscription_start": begins - 240 * hour,
        "checkin_start": begins - 2 * hour,
        "checkin_clear": begins - hour,
        "subscription_end": begins - hour,
        "championship_start": begins,
        "slots": len(faceit.scene.teams),
        "current_subscriptions": len(faceit.scene.teams),
        "join_checks": {"min_skill_level": 1, "max_skill_level": 10, "allowed_team_types": ["premade"]},
        "anticheat_required": True,
        "rules_id": "",
        "substitution_configuration": {"max_substitutes": 1, "max_substitutions": 1},
        "full": True,
        "checkin_enabled": True,
        "total_rounds": _ROUNDS,
        "schedule": {
            str(number): {"date": begins + number * 7 * DAY_S * 1_000, "status": "created"}
            for number in range(1, _ROUNDS + 1)
        },
        "total_groups": 1,
        "subscriptions_locked": True,
        "seeding_strategy": "uniformGroupDistribution",
        "faceit_url": f"{PAGES}/championship/{one.competition_id}/",
        "prizes": None,
        "total_prizes": 0,
        "stream": {"active": False, "platform": "", "source": "", "title": ""},
    }


def matches(faceit: FaceitWorld, one: Competition, query: Mapping[str, str], at: int) -> JsonObject:
    """`/hubs/{id}/matches` and `/championships/{id}/matches`, newest first; `type` is `past`, `ongoing` or `all`."""
    series = faceit.history.series
    place = faceit.scene.competitions.index(one)
    chosen = (series.competition == place) & (series.visible_at <= at)
    is_over = series.result_at <= at
    if query.get("type") in ("past", "ongoing"):
        chosen &= is_over == (query["type"] == "past")
    rows = np.flatnonzero(chosen)[::-1].tolist()
    page = paged(rows, query)
    return {**page, "items": [detail(faceit, row, at) for row in page["items"]]}


def team(faceit: FaceitWorld, one: Team) -> JsonObject:
    """`/teams/{id}`."""
    people = [*one.members, *([] if one.substitute is None else [one.substitute])]
    accounts = [faceit.accounts.by_person[person] for person in people]
    return {
        "team_id": one.team_id,
        "nickname": one.nickname,
        "name": one.name,
        "avatar": f"{ASSETS}/{one.team_id}.jpg",
        "game": CS2,
        "team_type": "premade",
        "members": [
            {
                "user_id": account.player_id,
                "nickname": account.nickname,
                "avatar": avatar_of(account),
                "country": account.country,
                "faceit_url": page_of(account),
            }
            for account in accounts
        ],
        "leader": accounts[0].player_id,
        "chat_room_id": f"team-{one.team_id}",
        "faceit_url": f"{PAGES}/teams/{one.team_id}",
    }


def _described(one: Competition) -> JsonObject:
    return {
        "name": one.name,
        "avatar": f"{ASSETS}/{one.competition_id}.jpg",
        "organizer_id": one.organizer_id,
        "game_id": CS2,
        "region": one.region,
    }
