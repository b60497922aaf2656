"""What a pass chooses to read, and by what: mostly what is tracked, and how long ago it was read."""

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

__all__ = ["Choice", "Item", "Situation", "TrackedThings", "in_turn", "is_due", "is_walking"]

#: What is read on a schedule is observed some moments after its tick, and has to be due at the tick it is meant for.
_EARLY = timedelta(minutes=5)
#: A walk that got no page further for so long begins anew: new records do not wait for a page that never comes.
_STALLED_AFTER = timedelta(days=3)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a choice depends on.

    Args:
        connection: the warehouse, to read from.
        settings: the configuration.
        now: the present time, UTC.
        failed_at: when things could not be read last, by name.
    """

    connection: psycopg.Connection
    settings: Settings
    now: datetime
    failed_at: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """A thing to read.

    Args:
        name: what it is, e.g. `player 7`.
        id: its id in paths; empty for a thing that has none.
        cursor: how far it was read before.
        facts: what else the choice knows about it.
        endpoints: endpoints it will ask at the least, once for each request.
        advice: next step when the source does not know it.
    """

    name: str
    id: str
    cursor: Cursor | None
    endpoints: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    advice: str = ""

    @property
    def segment(self) -> str:
        """The id as one segment of a path: ids come out of answers too, and must not lead to another path."""
        quoted = quote(self.id, safe="")
        return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted


@dataclass(frozen=True, slots=True)
class Choice:
    """What a pass has to do.

    Args:
        items: things to read, in this order.
        skipped: number of things that are not due.
        failures: things that cannot be requested.
        due: how many things are due to be read again, by reason, whatever the budget; see `ingestion.sync.rereads`.
    """

    items: Sequence[Item]
    skipped: int = 0
    failures: tuple[Failure, ...] = ()
    due: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackedThings:
    """What is tracked of one source.

    Args:
        source: name of the source.
        title: the same for messages.
        is_id: whether a text can be the source's id of a thing of a kind.
        form: what ids look like, e.g. `numbers`.
    """

    source: str
    title: str
    is_id: Callable[[str, str], bool]
    form: str

    def ids(self, situation: Situation, kind: str) -> tuple[list[str], tuple[Failure, ...]]:
        """Tracked ids of a kind, longest tracked first, and a failure for each that is no id of the source."""
        ids, failures = [], []
        for thing in tracked_entities(situation.connection, self.source, kind):
            if self.is_id(kind, thing.id):
                ids.append(thing.id)
            else:
                name = f"{kind} {thing.id}"
                reason = (
                    f"{name}: not an id of {self.title}, which are {self.form}; `ladder untrack {self.source} {name}`"
                )
                failures.append(Failure(name, reason))
        return ids, tuple(failures)

    def stalest_first(
        self,
        situation: Situation,
        kind: str,
        cursor_prefix: str,
        *,
        endpoints: tuple[str, ...],
        every: timedelta = timedelta(0),
    ) -> Choice:
        """Tracked things of a kind that are due, each in its turn.

        Args:
            situation: what the choice depends on.
            kind: e.g. `player`.
            cursor_prefix: name of a thing's cursor, without its id.
            endpoints: endpoints that each thing will ask.
            every: a thing is due this long after it was read, or a little earlier.
        """
        ids, failures = self.ids(situation, kind)
        known = read_cursors(situation.connection, self.source, cursor_prefix)
        items = [
            Item(
                f"{kind} {id_}",
                id_,
                known.get(cursor_prefix + id_),
                endpoints,
                advice=f"if it does not exist, `ladder untrack {self.source} {kind} {id_}`",
            )
            for id_ in ids
        ]
        due = [item for item in items if is_due(item.cursor, every, situation.now)]
        return Choice(in_turn(situation, due), skipped=len(items) - len(due), failures=failures)


def in_turn(situation: Situation, items: Iterable[Item]) -> list[Item]:
    """Things in the order of their turns, the least recently requested first, so that a small budget reaches all.

    What could not be read has had its turn, too, although no cursor of it moved.
    """

    def requested_at(item: Item) -> datetime:
        read_at = item.cursor.observed_at if item.cursor else _NEVER
        return max(read_at, situation.failed_at.get(item.name, _NEVER))

    return sorted(items, key=requested_at)


def is_due(cursor: Cursor | None, every: timedelta, now: datetime) -> bool:
    """Whether something that is read every so often is to be read again."""
    return cursor is None or now - cursor.observed_at >= every - _EARLY


def is_walking(cursor: Cursor | None, now: datetime) -> bool:
    """Whether a walk through a list is under way, told by `walk` in its cursor, and gets on."""
    return cursor is not None and "walk" in cursor.value and now - cursor.observed_at < _STALLED_AFTER
