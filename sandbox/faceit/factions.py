"""The two sides of a FACEIT match and their players."""

from __future__ import annotations

from typing import Any

from sandbox.faceit.accounts import CS2, Account
from sandbox.faceit.match_log import MISSING
from sandbox.faceit.world import FaceitWorld

ASSETS = "https://assets.example.invalid"
PAGES = "https://www.faceit.com/{lang}"

JsonObject = dict[str, Any]


def factions(faceit: FaceitWorld, row: int) -> list[JsonObject]:
    """The two sides of a match, as in its details."""
    return [_faction(faceit, row, side) for side in (0, 1)]


def lineup_of(faceit: FaceitWorld, row: int, side: int) -> list[tuple[int, Account]]:
    """Columns and accounts of the players on a side; none on the side of a bye."""
    people = faceit.history.series.person[row].tolist()
    columns = range(5 * side, 5 * side + 5)
    return [(column, faceit.accounts.by_person[people[column]]) for column in columns if people[column] != MISSING]


def named(account: Account) -> JsonObject:
    """The first fields of a player in every list."""
    return {"player_id": account.player_id, "nickname": account.nickname, "avatar": avatar_of(account)}


def avatar_of(account: Account) -> str:
    """URL of an avatar; empty if there is none."""
    return f"{ASSETS}/avatars/{account.player_id}.jpg" if account.person % 3 else ""


def page_of(account: Account) -> str:
    """URL of a profile, with FACEIT's literal `{lang}`."""
    return f"{PAGES}/players/{account.nickname}"


def _faction(faceit: FaceitWorld, row: int, side: int) -> JsonObject:
    series = faceit.history.series
    lineup = [account for _, account in lineup_of(faceit, row, side)]
    if not lineup:
        bye = {"faction_id": "bye", "leader": "", "avatar": "", "roster": None}
        return {**bye, "substituted": False, "name": "bye", "type": ""}
    levels = dict(zip(series.person[row].tolist(), series.level[row].tolist(), strict=True))
    number, absent = int(series.team[row, side]), int(series.absent[row, side])
    if number == MISSING:
        captain = lineup[0]
        return {
            "faction_id": captain.player_id,
            "leader": captain.player_id,
            "avatar": avatar_of(captain),
            "roster": [_rostered(one, levels[one.person]) for one in lineup],
            "substituted": False,
            "name": f"team_{captain.nickname}",
            "type": "",
        }
    team = faceit.scene.teams[number]
    # An absent member is still on the roster, and the substitute is not.
    members = [faceit.accounts.by_person[person] for person in team.members]
    stepped_in = [one for one in lineup if one.person == team.substitute]
    substitutes = [{**_rostered(one, levels[one.person]), "playing": True} for one in stepped_in]
    # The match log does not have the level of an absent member.
    levels.setdefault(absent, levels[lineup[0].person])
    return {
        "faction_id": team.team_id,
        "leader": members[0].player_id,
        "avatar": f"{ASSETS}/{team.team_id}.jpg",
        "roster": [_rostered(one, levels[one.person]) for one in members],
        **({"substitutes": substitutes} if substitutes else {}),
        "substituted": absent != MISSING,
        "name": team.name,
        "type": "premade",
    }


def _rostered(account: Account, level: int) -> JsonObject:
    return {
        **named(account),
        "membership": "premium" if account.person % 4 == 0 else "free",
        "game_player_id": account.game_player_id(CS2),
        "game_player_name": account.nickname,
        "game_skill_level": level,
        "anticheat_required": True,
    }
