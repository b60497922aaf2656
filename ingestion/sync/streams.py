"""The declaration of a stream: one kind of data of a source, its selection of work items and its requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ingestion.sync.run import SyncRun
from ingestion.sync.selection import Selection, SelectionContext, WorkItem

__all__ = ["Stream"]


@dataclass(frozen=True)
class Stream:
    """A stream of a source.

    Args:
        name: name of the stream, which is that of the first staging table it fills.
        endpoints: endpoints whose pages it lands.
        select: selects the work items that are due; reads the database and nothing else.
        fetch: requests one work item and lands its pages.
        budget_share: share of the run's remaining call budget that a sync may spend, so that later streams get theirs.
        not_found_means_unknown_id: a 404 or 410 concerns the entity itself, not a part of it; later streams of the run
            skip the entity.
        on_finish: stores the totals that responses reported (`SyncRun.reported_totals`) in `ops` at the end of a sync.
    """

    name: str
    endpoints: tuple[str, ...]
    select: Callable[[SelectionContext], Selection]
    fetch: Callable[[SyncRun, WorkItem], Awaitable[None]]
    budget_share: float = 1.0
    not_found_means_unknown_id: bool = False
    on_finish: Callable[[SelectionContext, Mapping[str, Mapping[str, int]]], None] | None = None
