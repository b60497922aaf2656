"""Choosing what to read of OpenDota: what its ids look like, and which match is the newest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ingestion.choices import TrackedThings
from ingestion.opendota.source import SOURCE
from warehouse.errors import ConfigurationError

__all__ = ["KINDS", "identify", "is_id", "newest", "stalest_first", "tracked_ids"]

#: What can be tracked.
KINDS = ("player", "team", "league", "match")

_LARGEST_ID = 2**63 - 1
#: A Steam account is a number of 32 bits.
_LARGEST_ACCOUNT = 2**32 - 1
#: A Steam id of 64 bits is an account above this.
_STEAM_ID64_BASE = 76561197960265728


def is_id(kind: str, text: str) -> bool:
    """Whether a text can be OpenDota's id of a player, team, league or match."""
    largest = _LARGEST_ACCOUNT if kind == "player" else _LARGEST_ID
    return text.isascii() and text.isdecimal() and 0 < int(text) <= largest


def identify(kind: str, text: str) -> str:
    """The id that somebody typed, as OpenDota writes it, whatever zeros it begins with.

    Raises:
        ConfigurationError: it is no id of OpenDota.
    """
    if is_id(kind, text):
        return str(int(text))
    hint = f"take the number at the end of the {kind}'s address on the source's web site"
    account = str(int(text) - _STEAM_ID64_BASE) if text.isdecimal() else ""
    if kind == "player" and is_id(kind, account):
        hint = f"this is a Steam id of 64 bits: track {account}"
    raise ConfigurationError(f"{text} is no {kind} id of {SOURCE.name}: ids are positive whole numbers", hint)


def newest(match_ids: Iterable[int], before: Mapping[str, object]) -> int | None:
    """The newest of some match ids and of the one that a cursor's value holds."""
    known = before.get("newest_match_id")
    return max([*match_ids, *([known] if isinstance(known, int) else [])], default=None)


_TRACKED = TrackedThings(SOURCE.name, "OpenDota", is_id, "numbers")
tracked_ids = _TRACKED.ids
stalest_first = _TRACKED.stalest_first
