"""The selection of work items: mostly tracked_entities entities, by how long ago they were requested."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import psycopg

from ingestion.sync.reports import Failure
from warehouse.core.settings import Settings
from warehouse.ops.state import Cursor, read_cursors, tracked_entities

__all__ = [
    "Selection",
    "SelectionContext",
    "TrackedEntities",
    "WorkItem",
    "is_due",
    "is_paginating",
    "least_recently_requested_first",
]

#: An item that is read on a schedule is observed shortly after its tick, and has to be due at the next one.
_SCHEDULE_TOLERANCE = timedelta(minutes=5)
#: A scan of a list that fetched no page for so long starts anew, so that new records do not wait for a broken page.
_STALLED_AFTER = timedelta(days=3)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SelectionContext:
    """The state that a selection depends on.

    Args:
        connection: the warehouse, to read from.
        settings: the configuration.
        now: the current time, UTC.
        failed_at: when work items failed last, by name.
    """

    connection: psycopg.Connection
    settings: Settings
    now: datetime
    failed_at: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A unit of work of a sync, e.g. one player's history.

    Args:
        name: name for messages, e.g. `player 7`.
        id: the entity's id in paths; empty where there is none.
        cursor: how far the item was read before.
        facts: further values that the selection passes to the stream's `fetch`.
        endpoints: endpoints that it will request at least, one entry for each request.
        advice: next step if the source does not know the entity.
    """

    name: str
    id: str
    cursor: Cursor | None
    endpoints: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""

    @property
    def segment(self) -> str:
        """The id as one segment of a path, quoted: an id from a response must not lead to another path."""
        quoted = quote(self.id, safe="")
        return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted


@dataclass(frozen=True, slots=True)
class Selection:
    """The work items of a sync.

    Args:
        items: work items, in the order in which they are fetched.
        skipped: number of items that are not due.
        failures: entities that cannot be requested.
        due: how many items are due to be read again, by reason and regardless of the budget; see
            `ingestion.sync.rereads`.
    """

    items: Sequence[WorkItem]
    skipped: int = 0
    failures: tuple[Failure, ...] = ()
    due: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackedEntities:
    """The tracked_entities entities of one source.

    Args:
        source: name of the source.
        title: name of the source in messages.
        is_id: whether a text can be the source's id of an entity of a kind.
        id_format: what its ids look like, e.g. `numbers`.
    """

    source: str
    title: str
    is_id: Callable[[str, str], bool]
    id_format: str

    def ids(self, context: SelectionContext, kind: str) -> tuple[list[str], tuple[Failure, ...]]:
        """Tracked ids of a kind, longest tracked first, and a failure for each id that the source cannot have."""
        ids, failures = [], []
        for entity in tracked_entities(context.connection, self.source, kind):
            if self.is_id(kind, entity.id):
                ids.append(entity.id)
            else:
                name = f"{kind} {entity.id}"
                reason = (
                    f"{name}: not a valid id ({self.title} ids are {self.id_format}); "
                    f"`ladder untrack {self.source} {name}`"
                )
                failures.append(Failure(name, reason))
        return ids, tuple(failures)

    def stalest_first(
        self,
        context: SelectionContext,
        kind: str,
        cursor_prefix: str,
        *,
        endpoints: tuple[str, ...],
        every: timedelta = timedelta(0),
    ) -> Selection:
        """Tracked entities of a kind that are due, least recently requested first.

        Args:
            context: the state that the selection depends on.
            kind: kind of entity, e.g. `player`.
            cursor_prefix: name of an entity's cursor, without its id.
            endpoints: endpoints that each entity will request.
            every: an entity is due this long after it was read, or a little earlier.
        """
        ids, failures = self.ids(context, kind)
        known = read_cursors(context.connection, self.source, cursor_prefix)
        items = [
            WorkItem(
                f"{kind} {id_}",
                id_,
                known.get(cursor_prefix + id_),
                endpoints,
                advice=f"if it does not exist, `ladder untrack {self.source} {kind} {id_}`",
            )
            for id_ in ids
        ]
        due = [item for item in items if is_due(item.cursor, every, context.now)]
        return Selection(least_recently_requested_first(context, due), skipped=len(items) - len(due), failures=failures)


def least_recently_requested_first(context: SelectionContext, items: Iterable[WorkItem]) -> list[WorkItem]:
    """Work items, least recently requested first, so that a small budget reaches all of them over several runs.

    A failed request counts too, although it moved no cursor.
    """

    def requested_at(item: WorkItem) -> datetime:
        read_at = item.cursor.observed_at if item.cursor else _NEVER
        return max(read_at, context.failed_at.get(item.name, _NEVER))

    return sorted(items, key=requested_at)


def is_due(cursor: Cursor | None, every: timedelta, now: datetime) -> bool:
    """Whether an item that is read at an interval is due."""
    return cursor is None or now - cursor.observed_at >= every - _SCHEDULE_TOLERANCE


def is_paginating(cursor: Cursor | None, now: datetime) -> bool:
    """Whether a scan of a list is unfinished and not stalled; the cursor stores its page cursor under `walk`."""
    return cursor is not None and "walk" in cursor.value and now - cursor.observed_at < _STALLED_AFTER
