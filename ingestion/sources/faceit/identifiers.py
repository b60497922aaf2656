"""What people call FACEIT's players, matches and competitions, and how a player is looked up by it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from ingestion.errors import BlockedError, NotFoundError, PermanentError, UnknownPlayer, UnusableResponse
from ingestion.sources.faceit.selection import is_id
from ingestion.sources.faceit.source import GAMES, MATCH_GAMES, SOURCE
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
from ingestion.sync.streams import SyncContext
from warehouse.core.json_text import read_json

__all__ = ["find_player", "parse_identifier"]

_PLAYER_SITES = "OpenDota, Dotabuff, STRATZ or Steam (/profiles/)"
_FORMS = {
    "player": f"a nickname, a UUID, {STEAM_FORMS}, or the address of a profile at FACEIT, {_PLAYER_SITES}",
    "match": "1-<UUID>, or the address of a room at FACEIT",
    **{kind: f"a UUID, or the address of a {kind} at FACEIT" for kind in ("hub", "championship")},
}
_MAX_NICKNAME_LENGTH = 64
#: What looks like a Steam id or an address and cannot be read is no nickname.
_NOT_A_NICKNAME = re.compile(r"STEAM_\d:|\[|.*[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]", re.IGNORECASE)
_PAGE_SIZE = 100
#: Pages of a search that are read; players of that very name come first.
_SEARCH_PAGES = 3
#: Status for a nickname that no player can have.
_INVALID_NICKNAME_STATUS = 400


def parse_identifier(kind: str, text: str) -> str | Nickname | SteamAccount:
    """The id that was typed or pasted, as FACEIT writes it, or the name by which a player has to be looked up.

    Args:
        kind: what it belongs to.
        text: an id, or the address of a page about the thing; of a player also a nickname, a Steam id in any of its
            forms, or the address of a profile at Steam, OpenDota, Dotabuff or STRATZ.

    Raises:
        ConfigurationError: it is none of these; names the forms.
    """
    cleaned = clean_text(text)
    page = parse_web_address(cleaned)
    is_of_steam = page is not None and kind == "player" and page.site in (*DOTA_SITES, STEAM)
    if page is not None and not (page.kind == kind and (page.site == FACEIT or is_of_steam)):
        raise invalid_identifier_error(SOURCE.name, kind, text, _FORMS[kind], page)
    name = cleaned if page is None else page.name
    if is_id(kind, id_ := normalize_identifier(name).lower()):
        return id_
    if kind == "player":
        account = parse_steam_account(name) or (parse_whole_number(name, MAX_ACCOUNT_ID) if is_of_steam else None)
        if account is not None:
            return SteamAccount(account)
        if not is_of_steam and name and len(name) <= _MAX_NICKNAME_LENGTH and not _NOT_A_NICKNAME.match(name):
            return Nickname(name)
    raise invalid_identifier_error(SOURCE.name, kind, text, _FORMS[kind])


async def find_player(context: SyncContext, wanted: Nickname | SteamAccount) -> FoundPlayer:
    """The player who has a Steam account, or a nickname now.

    A nickname is taken as it is written; where no player has it so, in another case, if only one player has it.

    Raises:
        UnknownName: there is none, or there are several.
        UpstreamError: the source cannot be read.
    """
    if isinstance(wanted, SteamAccount):
        return await _by_account(context, wanted)
    return await _by_nickname(context, wanted.text)


async def _by_account(context: SyncContext, account: SteamAccount) -> FoundPlayer:
    """In each game in turn; FACEIT writes the accounts of dota2 in a form of their own."""
    for game in GAMES:
        written = account.id64 if game in MATCH_GAMES else account.id3
        record = await _request(context, "/players", {"game": game, "game_player_id": written})
        if record is not None:
            return _found_player(record, f"Steam account {account.id3}")
    raise UnknownPlayer(
        f"FACEIT knows no player by the Steam account {account.id3} ({account.id64}) in {' or '.join(GAMES)}",
        "take the nickname or the id",
    )


async def _by_nickname(context: SyncContext, nickname: str) -> FoundPlayer:
    what = f"nickname {printable(nickname)}"
    record = await _request(context, "/players", {"nickname": nickname})
    if record is not None and not _is_other_case(record, nickname):
        return _found_player(record, what)
    items = [*([] if record is None else [record]), *await _search(context, nickname)]
    exact = [item for item in items if item.get("nickname") == nickname]
    meant = exact or [item for item in items if _is_other_case(item, nickname)]
    players = {str(item.get("player_id")): item for item in meant}
    if len(players) == 1:
        return _found_player(next(iter(players.values())), what)
    if players:
        shown = ", ".join(f"{printable(str(item['nickname']))} ({id_})" for id_, item in players.items())
        raise UnknownPlayer(
            f"several players of FACEIT have the {what}: {shown}", "take the id of the one that is meant"
        )
    hint = "see how it is written there, or take the id"
    if number := parse_whole_number(nickname, MAX_ACCOUNT_ID):
        hint = f"an account id of OpenDota is written {SteamAccount(number).id3} here"
    raise UnknownPlayer(f"FACEIT knows no player by the {what}", hint)


async def _search(context: SyncContext, nickname: str) -> list[Mapping[str, Any]]:
    """Players whose nicknames are like one, those with the most likeness first."""
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
    """An object that FACEIT answers, or None where it knows nothing by that (also `null`), or takes it for no name."""
    try:
        answer = await context.client.get(path, query, budget=context.budget)
    except PermanentError as error:
        is_about_the_name = error.status == _INVALID_NICKNAME_STATUS and not isinstance(error, BlockedError)
        if is_about_the_name or isinstance(error, NotFoundError):
            return None
        raise
    record = read_json(answer.body)
    if record is not None and not isinstance(record, Mapping):
        raise UnusableResponse(f"FACEIT's answer to {answer.request} is no object", "take the id")
    return record


def _found_player(record: Mapping[str, Any], what: str) -> FoundPlayer:
    id_, nickname = record.get("player_id"), record.get("nickname")
    if not isinstance(id_, str) or not is_id("player", id_):
        raise UnusableResponse(f"FACEIT's answer for the {what} holds no player id", "take the id")
    return FoundPlayer(id_, nickname if isinstance(nickname, str) else "")


def _is_other_case(record: Mapping[str, Any], nickname: str) -> bool:
    """Whether a player's nickname is another one that differs in case or in the composition of letters alone."""
    theirs = record.get("nickname")
    return isinstance(theirs, str) and theirs != nickname and _folded(theirs) == _folded(nickname)


def _folded(nickname: str) -> str:
    return unicodedata.normalize("NFC", nickname).casefold()
