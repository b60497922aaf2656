"""Identifiers of FACEIT: ids and web addresses that users paste, and the lookup of players by name or account."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from ingestion.errors import BlockedError, NotFoundError, PermanentError, UnknownPlayer, UnusableResponse
from ingestion.sources.faceit.selection import is_id
from ingestion.sources.faceit.source import GAMES, MATCH_GAMES
from ingestion.sync.connector import FoundPlayer
from ingestion.sync.identifiers import (
    DOTA_SITES,
    FACEIT,
    MAX_ACCOUNT_ID,
    STEAM,
    STEAM_FORMS,
    Nickname,
    SteamAccount,
    clean_text,
    invalid_identifier_error,
    normalize_identifier,
    parse_steam_account,
    parse_web_address,
    parse_whole_number,
    printable,
)
from ingestion.sync.run import SyncContext
from warehouse.core.json_text import read_json

__all__ = ["find_player", "parse_identifier"]

_PLAYER_SITES = "OpenDota, Dotabuff, STRATZ or Steam (/profiles/)"
_FORMS = {
    "player": f"a nickname, a UUID, {STEAM_FORMS}, or the address of a profile at FACEIT, {_PLAYER_SITES}",
    "match": "1-<UUID>, or the address of a room at FACEIT",
    **{kind: f"a UUID, or the address of a {kind} at FACEIT" for kind in ("hub", "championship")},
}
_MAX_NICKNAME_LENGTH = 64
#: A text that looks like a Steam id or an address but is invalid is not a nickname.
_NOT_A_NICKNAME = re.compile(r"STEAM_\d:|\[|.*[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]", re.IGNORECASE)
_PAGE_SIZE = 100
#: Pages of a search that are read; exact matches come first.
_SEARCH_PAGES = 3
#: Status of the response for an invalid nickname.
_INVALID_NICKNAME_STATUS = 400


def parse_identifier(kind: str, text: str) -> str | Nickname | SteamAccount:
    """The FACEIT id in a typed or pasted text, or the name by which `find_player` finds a player.

    Args:
        kind: kind of entity.
        text: an id, or the web address of the entity; for a player also a nickname, a Steam id in any form, or the
            address of a profile at Steam, OpenDota, Dotabuff or STRATZ.

    Raises:
        ConfigurationError: the text is none of these; the message lists the forms.
    """
    cleaned = clean_text(text)
    page = parse_web_address(cleaned)
    is_of_steam = page is not None and kind == "player" and page.site in (*DOTA_SITES, STEAM)
    if page is not None and not (page.kind == kind and (page.site == FACEIT or is_of_steam)):
        raise invalid_identifier_error("FACEIT", kind, text, _FORMS[kind], page)
    name = cleaned if page is None else page.name
    if is_id(kind, id_ := normalize_identifier(name).lower()):
        return id_
    if kind == "player":
        account = parse_steam_account(name) or (parse_whole_number(name, MAX_ACCOUNT_ID) if is_of_steam else None)
        if account is not None:
            return SteamAccount(account)
        if not is_of_steam and name and len(name) <= _MAX_NICKNAME_LENGTH and not _NOT_A_NICKNAME.match(name):
            return Nickname(name)
    raise invalid_identifier_error("FACEIT", kind, text, _FORMS[kind])


async def find_player(context: SyncContext, wanted: Nickname | SteamAccount) -> FoundPlayer:
    """The player with a Steam account, or with a current nickname.

    A nickname matches exactly, or else in another case if only one player has it.

    Raises:
        UnknownPlayer: no player matches, or several do.
        UpstreamError: the source cannot be read.
    """
    if isinstance(wanted, SteamAccount):
        return await _by_account(context, wanted)
    return await _by_nickname(context, wanted.text)


async def _by_account(context: SyncContext, account: SteamAccount) -> FoundPlayer:
    """Try each game in turn; accounts in dota2 have a form of their own at FACEIT."""
    for game in GAMES:
        written = account.id64 if game in MATCH_GAMES else account.id3
        record = await _request(context, "/players", {"game": game, "game_player_id": written})
        if record is not None:
            return _found_player(record, f"Steam account {account.id3}")
    raise UnknownPlayer(
        f"FACEIT has no player with the Steam account {account.id3} ({account.id64}) in {' or '.join(GAMES)}",
        "use the nickname or the id",
    )


async def _by_nickname(context: SyncContext, nickname: str) -> FoundPlayer:
    what = f"nickname {printable(nickname)}"
    record = await _request(context, "/players", {"nickname": nickname})
    if record is not None and not _is_other_case(record, nickname):
        return _found_player(record, what)
    items = [*([] if record is None else [record]), *await _search(context, nickname)]
    exact = [item for item in items if item.get("nickname") == nickname]
    matching = exact or [item for item in items if _is_other_case(item, nickname)]
    players = {str(item.get("player_id")): item for item in matching}
    if len(players) == 1:
        return _found_player(next(iter(players.values())), what)
    if players:
        shown = ", ".join(f"{printable(str(item['nickname']))} ({id_})" for id_, item in players.items())
        raise UnknownPlayer(f"several FACEIT players have the {what}: {shown}", "use the id of the intended player")
    hint = "check its spelling at FACEIT, or use the id"
    if number := parse_whole_number(nickname, MAX_ACCOUNT_ID):
        hint = f"write an OpenDota account id as {SteamAccount(number).id3}"
    raise UnknownPlayer(f"FACEIT has no player with the {what}", hint)


async def _search(context: SyncContext, nickname: str) -> list[Mapping[str, Any]]:
    """Players with similar nicknames, most similar first."""
    found: list[Mapping[str, Any]] = []
    for page in range(_SEARCH_PAGES):
        query: dict[str, str | int] = {"nickname": nickname, "offset": page * _PAGE_SIZE, "limit": _PAGE_SIZE}
        record = await _request(context, "/search/players", query)
        items = record.get("items") if record is not None else None
        items = items if isinstance(items, list) else []
        found += [item for item in items if isinstance(item, Mapping)]
        if len(items) < _PAGE_SIZE:
            break
    return found


async def _request(context: SyncContext, path: str, query: Mapping[str, str | int]) -> Mapping[str, Any] | None:
    """The JSON object of a response; None for a 404, for `null`, and for a name that FACEIT rejects as invalid."""
    try:
        response = await context.client.get(path, query, budget=context.budget)
    except PermanentError as error:
        is_about_the_name = error.status == _INVALID_NICKNAME_STATUS and not isinstance(error, BlockedError)
        if is_about_the_name or isinstance(error, NotFoundError):
            return None
        raise
    record = read_json(response.body)
    if record is not None and not isinstance(record, Mapping):
        raise UnusableResponse(f"FACEIT's response to {response.request} is not an object", "use the id")
    return record


def _found_player(record: Mapping[str, Any], what: str) -> FoundPlayer:
    id_, nickname = record.get("player_id"), record.get("nickname")
    if not isinstance(id_, str) or not is_id("player", id_):
        raise UnusableResponse(f"FACEIT's response for the {what} holds no player id", "use the id")
    return FoundPlayer(id_, nickname if isinstance(nickname, str) else "")


def _is_other_case(record: Mapping[str, Any], nickname: str) -> bool:
    """Whether a player's nickname differs from the given one only in case or in the composition of letters."""
    theirs = record.get("nickname")
    return isinstance(theirs, str) and theirs != nickname and _folded(theirs) == _folded(nickname)


def _folded(nickname: str) -> str:
    return unicodedata.normalize("NFC", nickname).casefold()
