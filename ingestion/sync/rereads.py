"""The schedule on which entities that are not settled upstream are read again; the same for all sources.

The first wait is zero: the next run reads the entity again, so that data that is late by minutes arrives with that run.
Then the waits grow, and after the last one the entity is left as it is. Each run spends a share of its match budget on
due re-reads, fewest tries first, so that neither new matches nor unsettled ones starve the others.
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
    "OLD_MATCH_AGE",
    "SCAN_DEPTHS",
    "SCHEDULE",
    "SETTLED_REREAD_INTERVAL",
    "Reason",
    "RereadWaits",
    "next_due_at",
    "reread_budget",
    "reread_cursor",
]

Reason = Literal["unparsed", "absent", "under_way", "no_statistics", "differs", "unreadable", "refused", "flawed"]


@dataclass(frozen=True, slots=True)
class RereadWaits:
    """How long to wait after each try: after the first (the initial read), the second, and so on.

    Args:
        recent: waits for matches that were recent at the first try.
        old: waits for matches that were older than `OLD_MATCH_AGE` at the first try.
    """

    recent: tuple[timedelta, ...]
    old: tuple[timedelta, ...]


_NOW = timedelta(0)
_H = timedelta(hours=1)
_D = timedelta(days=1)

#: A match that is older than this at the first try is rarely parsed or corrected any more: its replay is gone.
OLD_MATCH_AGE = 14 * _D

_LATE = RereadWaits((_NOW, _H, 6 * _H, _D, 3 * _D, 7 * _D, 14 * _D, 30 * _D), (_NOW, 7 * _D))
#: The schedule by reason. The names are stored in `ops.rereads`; docs/runbook.md shows the same table (tested).
SCHEDULE: Mapping[Reason, RereadWaits] = {
    # OpenDota: details without a `version`, because the replay is not parsed yet.
    "unparsed": _LATE,
    # A 404 or 410 for a match from a list, or one that is tracked by hand.
    "absent": _LATE,
    # FACEIT: the match has not ended.
    "under_way": RereadWaits(*(2 * ((_NOW, _H / 2, _H / 2, _H, 2 * _H, 6 * _H, _D, 3 * _D, 7 * _D),))),
    # FACEIT: a finished match has no statistics, either of its own or in a player's list.
    "no_statistics": RereadWaits((_NOW, _H / 2, _H, 6 * _H, _D, 3 * _D, 7 * _D), (_NOW, 7 * _D)),
    # FACEIT: status or winner of the details differ from the history.
    "differs": RereadWaits((_NOW, _H, 6 * _H, _D, 7 * _D), (_NOW, 7 * _D)),
    # The response became no row.
    "unreadable": RereadWaits(*(2 * ((_NOW, _D, 7 * _D, 30 * _D),))),
    # The source refuses this match alone: 400, 403, a web page.
    "refused": RereadWaits(*(2 * ((_NOW, _H, 6 * _H, _D, 3 * _D, 7 * _D, 30 * _D),))),
    # Parts of the response were rejected, or fields could not be read: the source may have been wrong for a short time.
    "flawed": RereadWaits((_NOW,), (_NOW,)),
}
#: A match that is tracked by hand is read by each run until it is settled, and then at this interval.
SETTLED_REREAD_INTERVAL = 30 * _D
#: Minimum pages of a scan of a match list, by the interval at which scans go that deep; zero is every scan.
SCAN_DEPTHS: Mapping[timedelta, int] = {_NOW: 5, _D: 20, 7 * _D: 100}
#: Share of a run's match budget for re-reads.
_SHARE = 0.2


def reread_budget(budget: int) -> int:
    """The part of a run's match budget that is for re-reads."""
    return math.ceil(budget * _SHARE)


def next_due_at(
    reason: Reason, tries: int, *, at: datetime, first_at: datetime, played_at: datetime | None
) -> datetime | None:
    """When an entity is due to be read again.

    Args:
        reason: why it is not settled.
        tries: how often it was read for this reason, at least once.
        at: when it was read last.
        first_at: when it was first read for this reason.
        played_at: when the match was played; None for unknown, which counts as recent.

    Returns:
        The time from which it is due, or None after the end of the schedule.
    """
    is_old = played_at is not None and first_at - played_at > OLD_MATCH_AGE
    waits = SCHEDULE[reason].old if is_old else SCHEDULE[reason].recent
    return at + waits[tries - 1] if tries <= len(waits) else None


def reread_cursor(
    endpoint: str, id_: str, reason: Reason | None, before: Reread | None, *, at: datetime, played_at: datetime | None
) -> CursorUpdate | None:
    """The cursor move that records in `ops.rereads` whether an entity is settled; it lands with the entity's page.

    Args:
        endpoint: endpoint that was requested.
        id_: id of the entity.
        reason: why it is not settled; None if it is.
        before: the stored re-read state; None if there is none.
        at: when it was read.
        played_at: when the match was played, if known.

    Returns:
        The cursor move; None if the entity is settled and nothing is stored.
    """
    if reason is None and before is None:
        return None
    is_same = before is not None and before.reason == reason
    first_at = before.first_at if before is not None and is_same else at
    tries = before.tries + 1 if before is not None and is_same else 1
    due_at = None if reason is None else next_due_at(reason, tries, at=at, first_at=first_at, played_at=played_at)
    value = {
        "reason": reason,
        "tries": tries,
        "first_at": first_at.isoformat(),
        "due_at": None if due_at is None else due_at.isoformat(),
    }
    return CursorUpdate(f"{REREAD_PREFIX}{endpoint}/{id_}", value)
