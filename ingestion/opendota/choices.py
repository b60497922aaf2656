"""Choosing what to read: what is tracked, and how long ago it was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from ingestion.choices import Choice, Item, Situation
from ingestion.opendota.source import SOURCE
from ingestion.reports import Failure
from warehouse.state import Cursor, cursors, tracked

__all__ = ["is_due", "is_id", "newest", "stalest_first", "tracked_ids"]

_NEVER = datetime.min.replace(tzinfo=UTC)
_LARGEST_ID = 2**63 - 1
#: A Steam account is a number of 32 bits.
_LARGEST_ACCOUNT = 2**32 - 1


def is_id(kind: str, text: str) -> bool:
    """Whether a text can be OpenDota's id of a player, team, league or match."""
    largest = _LARGEST_ACCOUNT if kind == "player" else _LARGEST_ID
    return text.isascii() and text.isdecimal() and 0 < int(text) <= largest


def tracked_ids(situation: Situation, kind: str) -> tuple[list[str], tuple[Failure, ...]]:
    """Tracked ids of a kind, longest tracked first, and a failure for each that is no id of OpenDota."""
    ids, failures = [], []
    for thing in tracked(situation.connection, SOURCE.name, kind):
        if is_id(kind, thing.id):
            ids.append(thing.id)
        else:
            name = f"{kind} {thing.id}"
            reason = f"{name}: not an id of OpenDota, which are numbers; `ladder untrack opendota {name}`"
            failures.append(Failure(name, reason))
    return ids, tuple(failures)


def stalest_first(
    situation: Situation,
    kind: str,
    cursor_prefix: str,
    *,
    endpoints: tuple[str, ...],
    every: timedelta = timedelta(0),
) -> Choice:
    """Tracked things of a kind that are due, never read ones first, then by how long ago they were read.

    Args:
        situation: what the choice depends on.
        kind: `player`, `team` or `league`.
        cursor_prefix: name of a thing's cursor, without its id.
        endpoints: endpoints that each thing will ask.
        every: a thing is due this long after it was read.
    """
    ids, failures = tracked_ids(situation, kind)
    known = cursors(situation.connection, SOURCE.name, cursor_prefix)
    items = [
        Item(
            f"{kind} {id_}",
            id_,
            known.get(cursor_prefix + id_),
            endpoints,
            advice=f"if it does not exist, `ladder untrack opendota {kind} {id_}`",
        )
        for id_ in ids
    ]
    due = [item for item in items if is_due(item.cursor, every, situation.now)]
    due.sort(key=lambda item: item.cursor.observed_at if item.cursor else _NEVER)
    return Choice(due, skipped=len(items) - len(due), failures=failures)


def is_due(cursor: Cursor | None, every: timedelta, now: datetime) -> bool:
    """Whether something is to be read again."""
    return cursor is None or now - cursor.observed_at >= every


def newest(match_ids: Iterable[int], before: Mapping[str, object]) -> int | None:
    """The newest of some match ids and of the one that a cursor's value holds."""
    known = before.get("newest_match_id")
    return max([*match_ids, *([known] if isinstance(known, int) else [])], default=None)
