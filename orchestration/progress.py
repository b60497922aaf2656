"""Progress events of a run, for a terminal in this process, or in another one through the worker's socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

__all__ = [
    "FailingTest",
    "LoadFailed",
    "MartsPublished",
    "NodeDone",
    "ProgressEvent",
    "RunDone",
    "SourceSkipped",
    "SyncDone",
    "SyncProgress",
    "emit",
    "subscribe",
]


class SyncProgress(msgspec.Struct, frozen=True, tag=True):
    """The sync of a stream has processed `done` of `total` work items."""

    source: str
    name: str
    done: int
    total: int


class SyncDone(msgspec.Struct, frozen=True, tag=True):
    """The sync of a stream has ended, and its pages are loaded.

    Args:
        source: name of the source.
        name: the stream.
        requests: number of requests.
        pages: number of landed pages.
        records: number of records in the pages.
        changed: rows inserted, updated or deleted.
        rejected: records that could not become rows.
        failures: one line per failure.
        notes: information for the user about conditions that are not failures: a private profile, a spent rate limit.
    """

    source: str
    name: str
    requests: int
    pages: int
    records: int
    changed: int
    rejected: int
    failures: tuple[str, ...]
    notes: tuple[str, ...]


class SourceSkipped(msgspec.Struct, frozen=True, tag=True):
    """The run skips a source because its settings are incomplete.

    Args:
        message: the reason and what to do, in one line.
        tracked: number of tracked entities of the source, which are not synced.
    """

    message: str
    tracked: int


class LoadFailed(msgspec.Struct, frozen=True, tag=True):
    """The pending files of a source could not be loaded; the message is one line."""

    message: str


class NodeDone(msgspec.Struct, frozen=True, tag=True):
    """dbt has finished `done` of `total` models and tests; `name` and `status` are those of the latest one."""

    name: str
    status: str
    done: int
    total: int


class FailingTest(msgspec.Struct, frozen=True, tag=True):
    """A test failed; `rows` has one line for each of the first rows that it returned."""

    name: str
    rows: tuple[str, ...]


class MartsPublished(msgspec.Struct, frozen=True, tag=True):
    """The marts of a generation are served.

    Args:
        generation: its number.
        is_new: whether this run promoted it.
        as_of_date: anchor date of the rolling windows, in ISO format; empty if there is none.
    """

    generation: int
    is_new: bool
    as_of_date: str


class RunDone(msgspec.Struct, frozen=True, tag=True):
    """The run has ended.

    Args:
        run_id: Dagster's id.
        is_ok: whether Dagster records it as a success.
        errors: one line per failed step.
        is_cancelled: whether it was interrupted.
    """

    run_id: str
    is_ok: bool
    errors: tuple[str, ...] = ()
    is_cancelled: bool = False


ProgressEvent = SyncProgress | SyncDone | SourceSkipped | LoadFailed | NodeDone | FailingTest | MartsPublished | RunDone

_handlers: list[Callable[[ProgressEvent], None]] = []


@contextmanager
def subscribe(handler: Callable[[ProgressEvent], None]) -> Iterator[None]:
    """For the length of the block, call a handler with the events of this process's runs, in the emitting thread."""
    _handlers.append(handler)
    try:
        yield
    finally:
        _handlers.remove(handler)


def emit(event: ProgressEvent) -> None:
    """Call all subscribed handlers."""
    for handler in tuple(_handlers):
        handler(event)
