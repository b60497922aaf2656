"""What a run tells while it works: to a terminal in this process, or through the worker's socket to one elsewhere."""

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
    """A pass over a source has read `done` of `total` things."""

    source: str
    name: str
    done: int
    total: int


class SyncDone(msgspec.Struct, frozen=True, tag=True):
    """A pass is over and loaded.

    Args:
        source: name of the source.
        name: the pass.
        requests: requests made.
        answered: answers landed.
        records: rows that the answers held.
        changed: rows inserted, updated or deleted.
        rejected: records that could not become rows.
        failures: one line for each thing that failed.
        notes: what a person should know though nothing failed: a private profile, a spent limit.
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
    """A source cannot be asked with these settings, and the run leaves it out.

    Args:
        message: why, and what to do, in one line.
        tracked: how many things of it are tracked, and now not read.
    """

    message: str
    tracked: int


class LoadFailed(msgspec.Struct, frozen=True, tag=True):
    """What is landed of a source could not be loaded; why, in one line."""

    message: str


class NodeDone(msgspec.Struct, frozen=True, tag=True):
    """dbt has finished `done` of `total` models and tests; the newest of them is named."""

    name: str
    status: str
    done: int
    total: int


class FailingTest(msgspec.Struct, frozen=True, tag=True):
    """A test failed; a line for each of the first rows that it returned."""

    name: str
    rows: tuple[str, ...]


class MartsPublished(msgspec.Struct, frozen=True, tag=True):
    """The marts are served.

    Args:
        generation: its number.
        is_new: whether this run turned to it.
        as_of_date: ISO date that windows hang on, or empty.
    """

    generation: int
    is_new: bool
    as_of_date: str


class RunDone(msgspec.Struct, frozen=True, tag=True):
    """The run is over.

    Args:
        run_id: Dagster's id.
        is_ok: whether Dagster calls it a success.
        errors: one line for each step that failed.
        is_cancelled: whether somebody interrupted it.
    """

    run_id: str
    is_ok: bool
    errors: tuple[str, ...] = ()
    is_cancelled: bool = False


ProgressEvent = SyncProgress | SyncDone | SourceSkipped | LoadFailed | NodeDone | FailingTest | MartsPublished | RunDone

_listeners: list[Callable[[ProgressEvent], None]] = []


@contextmanager
def subscribe(listener: Callable[[ProgressEvent], None]) -> Iterator[None]:
    """Be told what the runs of this process tell, from whichever thread they do."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def emit(message: ProgressEvent) -> None:
    """Tell whoever listens."""
    for listener in tuple(_listeners):
        listener(message)
