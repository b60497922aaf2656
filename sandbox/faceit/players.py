"""FACEIT's responses about one player, except matches; search and rankings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException

from sandbox.faceit.accounts import CS2, Account
from sandbox.faceit.factions import avatar_of, page_of
from sandbox.faceit.paging import not_found, paged, parse_whole_number
from sandbox.faceit.rules import level_of
from sandbox.faceit.world import FaceitWorld
from sandbox.people import steam_id64
from sandbox.rules import DAY_S

_BAN_DAYS = 7
_OTHER_GAME = "csgo"
_OTHER_ELO, _OTHER_LEVEL = 1_100, 5

JsonObject = dict[str, Any]


def find(faceit: FaceitWorld, query: Mapping[str, str]) -> Account:
    """The account that `/players?nickname=` or `/players?game=&game_player_id=` identifies.

    Raises:
        HTTPException: 400 if the query identifies no account, 404 if the account does not exist.
    """
    accounts = faceit.accounts.by_person.values()
    if "nickname" in query:
        found = [one for one in accounts if one.nickname == query["nickname"]]
    elif "game" in query and "game_player_id" in query:
        game, wanted = query["game"], query["game_player_id"]
        found = [one for one in accounts if game in one.games and one.game_player_id(game) == wanted]
    else:
        raise HTTPException(400, "nickname, or game and game_player_id, must be given")
    if not found:
        raise not_found("player")
    return found[0]


def profile(faceit: FaceitWorld, account: Account, at: int) -> JsonObject:
    """`/players/{id}`."""
    person, steam_id = account.person, str(steam_id64(account.account_id))
    is_public = account.shows_steam
    return {
        "player_id": account.player_id,
        "nickname": account.nickname,
        "avatar": avatar_of(account),
        "country": account.country,
        "cover_image": "",
        "platforms": {"steam": f"STEAM_0:{account.account_id % 2}:{account.account_id // 2}"} if is_public else {},
        "games": _games(faceit, account, at),
        "settings": {"language": "en"},
        "friends_ids": [
            one.player_id
            for other, one in faceit.accounts.by_person.items()
            if faceit.accounts.circle[other] == faceit.accounts.circle[person] and other != person
        ],
        "new_steam_id": f"[U:1:{account.account_id}]" if is_public else "",
        "steam_id_64": steam_id if is_public else "",
        "steam_nickname": account.nickname.lower() if is_public else "",
        "memberships": ["premium"] if person % 4 == 0 else ["free"],
        "faceit_url": page_of(account),
        "membership_type": "",
        "cover_featured_image": "",
        "infractions": {"afk": 1, "leaver": 0} if person % 8 == 1 else {},
        "verified": person % 7 == 0,
        "activated_at": _iso(faceit.world.start - (person + 1) * DAY_S, ".243Z"),
    }


def elos_of(faceit: FaceitWorld, account: Account, at: int) -> list[tuple[str, int, int]]:
    """Game, elo and level of each elo in a profile."""
    shown = [(game, faceit.shown_elo(account.person, game, at)) for game in account.games]
    return [(game, elo, level_of(elo)) for game, elo in shown if elo is not None]


def bans(faceit: FaceitWorld, account: Account, at: int) -> list[JsonObject]:
    """`/players/{id}/bans`: some players have a ban that ended, some of these also one without end."""
    if account.person % 31 != 6:
        return []
    first = faceit.world.start + 3 * DAY_S
    found = [("game", "verbal abuse", CS2, first, _iso(first + _BAN_DAYS * DAY_S))]
    if account.person % 2 == 0:
        found.append(("matchmaking", "leaving", "", first + 10 * DAY_S, ""))
    return [
        {
            "nickname": account.nickname,
            "type": kind,
            "reason": reason,
            "game": game,
            "starts_at": _iso(starts_at),
            "ends_at": ends_at,
            "user_id": account.player_id,
        }
        for kind, reason, game, starts_at, ends_at in found
        if starts_at <= at
    ]


def search(faceit: FaceitWorld, query: Mapping[str, str]) -> JsonObject:
    """`/search/players`: levels are text here, and countries are in upper case.

    Raises:
        HTTPException: 400 without a nickname.
    """
    wanted = query.get("nickname", "").casefold()
    if not wanted:
        raise HTTPException(400, "nickname must be given")
    found = [
        account
        for account in faceit.accounts.by_person.values()
        if wanted in account.nickname.casefold() and query.get("game", account.games[0]) in account.games
    ]
    found.sort(key=lambda account: (len(account.nickname), account.person))
    levels = {
        account.person: {game: str(level) for game, _, level in elos_of(faceit, account, faceit.now)}
        for account in found
    }
    items = [
        {
            "player_id": account.player_id,
            "nickname": account.nickname,
            "status": "",
            "games": [{"name": game, "skill_level": levels[account.person].get(game, "")} for game in account.games],
            "country": account.country.upper(),
            "verified": account.person % 7 == 0,
            "avatar": avatar_of(account),
        }
        for account in found
    ]
    return paged(items, query)


def ranking(faceit: FaceitWorld, game: str, region: str, at: int) -> list[JsonObject]:
    """A region's ranking, best first."""
    return [
        {
            "player_id": faceit.accounts.by_person[person].player_id,
            "nickname": faceit.accounts.by_person[person].nickname,
            "country": faceit.accounts.by_person[person].country,
            "position": position,
            "faceit_elo": elo,
            "game_skill_level": level,
        }
        for position, (person, elo, level) in enumerate(faceit.board(game, region, at), start=1)
    ]


def place_in_ranking(places: list[JsonObject], player_id: str, query: Mapping[str, str]) -> JsonObject:
    """`/rankings/games/{game}/regions/{region}/players/{id}`: the player's place and the places around it.

    Raises:
        HTTPException: 404 if the player has no place; 400 for a limit out of bounds.
    """
    place = next((one for one, item in enumerate(places) if item["player_id"] == player_id), None)
    if place is None:
        raise not_found("player")
    limit = parse_whole_number(query, "limit", 20, 100)
    start = max(0, place - limit // 2)
    shown = places[start : start + limit]
    return {"position": place + 1, "items": shown, "start": start + 1, "end": start + limit}


def _games(faceit: FaceitWorld, account: Account, at: int) -> JsonObject:
    games: JsonObject = {}
    for game in account.games:
        elo = faceit.shown_elo(account.person, game, at)
        games[game] = _game(account, account.game_player_id(game))
        if elo is not None:
            games[game] |= {"skill_level": level_of(elo), "faceit_elo": elo}
        elif account.elo_shown == "zero":
            games[game] |= {"skill_level": 1, "faceit_elo": 0}
        else:
            games[game] |= {"skill_level": ""}
    if account.person % 6 == 0:
        # A retired game, which the ingestion does not read.
        games[_OTHER_GAME] = _game(account, account.game_player_id(CS2))
        games[_OTHER_GAME] |= {"skill_level": _OTHER_LEVEL, "faceit_elo": _OTHER_ELO, "regions": None}
    return games


def _game(account: Account, game_player_id: str) -> JsonObject:
    return {
        "region": account.region,
        "game_player_id": game_player_id,
        "game_player_name": account.nickname if account.person % 5 else "",
        "skill_level_label": "",
        "regions": {},
        "game_profile_id": "",
    }


def _iso(timestamp: int, end: str = "Z") -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%S") + end
