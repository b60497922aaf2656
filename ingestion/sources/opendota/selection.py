"""Selection for OpenDota: the format of its ids, its tracked entities, and the newest known match."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ingestion.sources.opendota.source import SOURCE
from ingestion.sync.identifiers import (
    DOTA_SITES,
    MAX_ACCOUNT_ID,
    STEAM,
    STEAM_FORMS,
    clean_text,
    invalid_identifier_error,
    parse_steam_account,
    parse_web_address,
    parse_whole_number,
)
from ingestion.sync.selection import TrackedEntities

__all__ = ["KINDS", "is_id", "newest_known_match", "parse_identifier", "stalest_first", "tracked_ids"]

#: Kinds of entities that can be tracked.
KINDS = ("player", "team", "league", "match")

_MAX_ID = 2**63 - 1
_SITES = "OpenDota, Dotabuff or STRATZ"
_FORMS = {
    "player": f"an account id, {STEAM_FORMS}, or the address of a player at {_SITES} or of a profile at Steam",
    **{kind: f"a number, or the address of a {kind} at {_SITES}" for kind in ("match", "team", "league")},
}


def is_id(kind: str, text: str) -> bool:
    """Whether a text can be OpenDota's id of a player, team, league or match."""
    return text.isascii() and text.isdecimal() and _number(kind, text) is not None


def parse_identifier(kind: str, text: str) -> str:
    """The OpenDota id in a typed or pasted text.

    Args:
        kind: kind of entity.
        text: a number, for a player also a Steam id in any form, or the web address of the entity.

    Raises:
        ConfigurationError: the text is none of these; the message lists the forms.
    """
    cleaned = clean_text(text)
    page = parse_web_address(cleaned)
    if page is None:
        name = cleaned
    elif page.kind == kind and page.site in (*DOTA_SITES, STEAM):
        name = page.name
    else:
        raise invalid_identifier_error("OpenDota", kind, text, _FORMS[kind], page)
    number = _number(kind, name) or (parse_steam_account(name) if kind == "player" else None)
    if number is None:
        raise invalid_identifier_error("OpenDota", kind, text, _FORMS[kind])
    return str(number)


def _number(kind: str, text: str) -> int | None:
    return parse_whole_number(text, MAX_ACCOUNT_ID if kind == "player" else _MAX_ID)


def newest_known_match(match_ids: Iterable[int], before: Mapping[str, object]) -> int | None:
    """The newest of some match ids and of the newest match id in a cursor's value."""
    known = before.get("newest_match_id")
    return max([*match_ids, *([known] if isinstance(known, int) else [])], default=None)


_TRACKED = TrackedEntities(SOURCE.name, "OpenDota", is_id, "numbers")
tracked_ids = _TRACKED.ids
stalest_first = _TRACKED.stalest_first
