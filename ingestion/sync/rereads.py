"""When something that is not settled upstream is read again: one schedule for all sources.

The first wait is nothing: the very next run reads it once more, so that what was late by minutes costs no hours. Then
the waits grow, and where they end the thing is left as it is. Each run spends a share of its match budget on what is
due, things with the fewest tries first, so that neither new matches nor unsettled ones starve the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from warehouse.model.source import CursorUpdate
from warehouse.ops.state import REREAD_PREFIX, Reread

__all__ = [
    "DEEP_WALKS",
    "OLD",
    "SCHEDULE",
    "SETTLED_AGAIN",
    "Reason",
    "Waits",
    "budget_for_rereads",
    "due_after",
    "reread_note",
]

Reason = Literal["unparsed", "absent", "under_way", "no_statistics", "differs", "unreadable", "refused", "flawed"]


@dataclass(frozen=True, slots=True)
class Waits:
    """How long to wait after each try: after the first (the first reading), the second, and so on.

    Args:
        young: for what was played lately when it was first read.
        old: for what was played longer ago than `OLD` then.
    """

    young: tuple[timedelta, ...]
    old: tuple[timedelta, ...]


_NOW = timedelta(0)
_H = timedelta(hours=1)
_D = timedelta(days=1)

#: A match played longer ago than this when it was first read is seldom parsed or repaired any more: replays are gone.
OLD = 14 * _D

_LATE = Waits((_NOW, _H, 6 * _H, _D, 3 * _D, 7 * _D, 14 * _D, 30 * _D), (_NOW, 7 * _D))
#: The schedule by reason; docs/runbook.md shows the same table, and a test keeps the two equal.
SCHEDULE: Mapping[Reason, Waits] = {
    # OpenDota: details without a `version`, for the replay is not parsed yet.
    "unparsed": _LATE,
    # A 404 or 410 for a match that a list or a person named.
    "absent": _LATE,
    # FACEIT: a match that has not ended.
    "under_way": Waits(*(2 * ((_NOW, _H / 2, _H / 2, _H, 2 * _H, 6 * _H, _D, 3 * _D, 7 * _D),))),
    # FACEIT: a finished match without statistics, of its own or in a player's list.
    "no_statistics": Waits((_NOW, _H / 2, _H, 6 * _H, _D, 3 * _D, 7 * _D), (_NOW, 7 * _D)),
    # FACEIT: details whose status or winner is not that of the history.
    "differs": Waits((_NOW, _H, 6 * _H, _D, 7 * _D), (_NOW, 7 * _D)),
    # An answer that became no row.
    "unreadable": Waits(*(2 * ((_NOW, _D, 7 * _D, 30 * _D),))),
    # A refusal of this thing alone: 400, 403, a web page.
    "refused": Waits(*(2 * ((_NOW, _H, 6 * _H, _D, 3 * _D, 7 * _D, 30 * _D),))),
    # An answer of which parts were rejected or fields could not be read, which may have been wrong for a short time.
    "flawed": Waits((_NOW,), (_NOW,)),
}
#: A match that is tracked by hand is read at each run until it is settled, and then after this.
SETTLED_AGAIN = 30 * _D
#: Pages of a list of matches that every walk reads, known or not, and how deep walks go that are due after some time.
DEEP_WALKS: Mapping[timedelta, int] = {_NOW: 5, _D: 20, 7 * _D: 100}
#: Share of a run's match budget that is spent on what is due again.
_SHARE = 0.2


def budget_for_rereads(budget: int) -> int:
    """How many of a run's matches may be ones that are read again."""
    return math.ceil(budget * _SHARE)


def due_after(
    reason: Reason, tries: int, *, at: datetime, first_at: datetime, played_at: datetime | None
) -> datetime | None:
    """When something is read again.

    Args:
        reason: why it is not settled.
        tries: how often it was read for this reason, at least once.
        at: when it was read last.
        first_at: when it was first read for this reason.
        played_at: when it was played; None where that is not known, which counts as lately.

    Returns:
        The time from which it is due, or None where the schedule has ended.
    """
    is_old = played_at is not None and first_at - played_at > OLD
    waits = SCHEDULE[reason].old if is_old else SCHEDULE[reason].young
    return at + waits[tries - 1] if tries <= len(waits) else None


def reread_note(
    endpoint: str, id_: str, reason: Reason | None, before: Reread | None, *, at: datetime, played_at: datetime | None
) -> CursorUpdate | None:
    """What the books are to hold of something that was read, landed with its page; None where there is nothing to note.

    Args:
        endpoint: what it was read by.
        id_: its id.
        reason: why it is not settled; None where it is.
        before: what the books hold of it.
        at: when it was read.
        played_at: when it was played, if that is known.
    """
    if reason is None and before is None:
        return None
    is_same = before is not None and before.reason == reason
    first_at = before.first_at if before is not None and is_same else at
    tries = before.tries + 1 if before is not None and is_same else 1
    due_at = None if reason is None else due_after(reason, tries, at=at, first_at=first_at, played_at=played_at)
    value = {
        "reason": reason,
        "tries": tries,
        "first_at": first_at.isoformat(),
        "due_at": None if due_at is None else due_at.isoformat(),
    }
    return CursorUpdate(f"{REREAD_PREFIX}{endpoint}/{id_}", value)
