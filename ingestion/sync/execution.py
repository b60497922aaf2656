"""The sync of a stream: select the work items that are due, fetch them concurrently, land their pages, report.

A failure that concerns one work item is reported, and the sync continues. A failure that concerns all of them (no
network, wrong key, full disk, spent budget) stops the sync; so do several refusals in a row in front of the API. Work
items are fetched least recently requested first, and those that failed in the previous sync come last, so that they
delay no others. A sync that was killed is resumed: items that were already read are skipped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime

import psycopg

from ingestion.errors import (
    BlockedError,
    CallBudgetSpent,
    ConsecutiveRefusals,
    DayLimitReached,
    NotFoundError,
    OversizedResponse,
    PermanentError,
    TransientError,
    Unreachable,
    UnusableResponse,
    WrongAddressError,
    WrongKeyError,
)
from ingestion.sync.reports import PlannedSync, Stop, SyncReport
from ingestion.sync.run import SyncContext, SyncRun
from ingestion.sync.selection import SelectionContext, WorkItem
from ingestion.sync.streams import Stream
from warehouse.core.errors import DatabaseError, LadderError, LakeError
from warehouse.database.connections import connect
from warehouse.database.error_messages import to_database_error
from warehouse.ops.state import failed_in_last_sync, finish_sync, last_failures, start_sync

__all__ = ["plan_stream", "sync_stream"]

_logger = logging.getLogger(__name__)

#: After so many refusals in a row in front of the API, the sync stops.
_MAX_CONSECUTIVE_REFUSALS = 5


async def sync_stream(context: SyncContext, stream: Stream) -> SyncReport:
    """Sync a stream once. Load pending lake files first: pages that were landed are then not fetched again.

    Raises:
        DatabaseError: the warehouse cannot be read or written.
    """
    source = context.source.name
    with _database(context) as connection:
        opened = start_sync(connection, source, stream.name)
        selection_context = SelectionContext(connection, context.settings, context.clock.now())
        selection = stream.select(_with_failure_times(selection_context, source, stream))
        failed = failed_in_last_sync(connection, source, stream.name)
    items = [item for item in selection.items if item.name not in context.unknown_items]
    items.sort(key=lambda item: item.name in failed)
    if opened.is_resumed:
        items = [item for item in items if not _is_synced_since(item, opened.started_at)]
    # An entity that cannot be requested is reported once a run, not once a stream.
    failures = tuple(failure for failure in selection.failures if failure.item not in context.unknown_items)
    context.unknown_items.update(failure.item for failure in failures)
    run = SyncRun(context, stream.name, stream.budget_share)
    run.report = replace(run.report, skipped=selection.skipped + len(selection.items) - len(items), failures=failures)
    stop = await _sync_items(run, stream, items)
    report = replace(run.report, requests=run.budget.spent, stop=stop)
    with _database(context) as connection:
        if stream.on_finish is not None and run.reported_totals:
            stream.on_finish(SelectionContext(connection, context.settings, context.clock.now()), run.reported_totals)
        finish_sync(connection, opened, report.as_json())
    return report


def plan_stream(selection_context: SelectionContext, source: str, stream: Stream) -> PlannedSync:
    """The requests that a sync would make now, without making them.

    Raises:
        DatabaseError: the warehouse cannot be read.
    """
    try:
        selection = stream.select(_with_failure_times(selection_context, source, stream))
    except psycopg.Error as error:
        raise _database_error(error) from None
    requests = Counter(endpoint for item in selection.items for endpoint in item.endpoints)
    return PlannedSync(stream.name, dict(requests), selection.skipped, selection.failures, dict(selection.due))


class _ItemSync:
    """Syncs work items one by one, and decides for each error whether the sync of the stream continues."""

    def __init__(self, run: SyncRun, stream: Stream) -> None:
        self._run = run
        self._stream = stream
        self._consecutive_refusals = 0
        self._stop_lock = asyncio.Lock()

    async def sync_item(self, item: WorkItem) -> None:
        """Sync one work item; an error that concerns only this item is reported as its failure."""
        run = self._run
        advice = f"; {item.advice}" if item.advice else ""
        try:
            await self._stream.fetch(run, item)
        except (WrongKeyError, WrongAddressError, Unreachable):
            raise
        except BlockedError as error:
            run.add_failure(item, f"{item.name}: {error}")
            self._consecutive_refusals += 1
            if self._consecutive_refusals >= _MAX_CONSECUTIVE_REFUSALS:
                # Other tasks that get here meanwhile wait, and are cancelled when the sync stops.
                async with self._stop_lock:
                    await self._stop_after_refusals(error)
            return
        except NotFoundError as error:
            if self._stream.not_found_means_unknown_id:
                run.context.unknown_items.add(item.name)
            run.add_failure(item, f"{item.name}: {error.message}{advice}")
        except OversizedResponse as error:
            run.add_failure(item, f"{item.name}: {error}")
        except PermanentError as error:
            run.add_failure(item, f"{item.name}: {error.message}")
        except UnusableResponse as error:
            run.add_failure(item, f"{item.name}: {error}{advice}")
        except TransientError as error:
            run.add_failure(item, f"{item.name}: {error}")
            run.count_failure(error)
            return
        except LadderError:
            raise
        except Exception as error:
            _logger.exception("%s cannot be read", item.name, extra={"pass": self._stream.name})
            run.add_failure(item, f"{item.name}: its response cannot be used ({type(error).__name__}); see logs/")
            return
        else:
            run.count_success()
        self._consecutive_refusals = 0

    async def _stop_after_refusals(self, last: BlockedError) -> None:
        """Stop the sync after refusals in a row; for the whole source where even its open path is refused.

        Raises:
            ConsecutiveRefusals: always.
        """
        client = self._run.context.client
        is_of_source = not await client.can_read_open_path(self._run.budget)
        seen = f"{_MAX_CONSECUTIVE_REFUSALS} requests in a row were refused, the last one: {last.message}"
        if is_of_source:
            raise ConsecutiveRefusals(
                f"{seen}; {client.upstream.open_path} is refused too", last.hint, is_of_source=True
            )
        raise ConsecutiveRefusals(
            f"{seen}; other paths are accepted, so the rest of {self._stream.name} waits for the next run",
            last.hint,
            is_of_source=False,
        )


async def _sync_items(run: SyncRun, stream: Stream, items: Sequence[WorkItem]) -> Stop | None:
    """Sync every item, some concurrently, in the given order, until done or stopped; then flush the lake writer."""
    queue = iter(items)
    total, finished = len(items), 0
    item_sync = _ItemSync(run, stream)
    ended: list[LadderError] = []

    async def work() -> None:
        nonlocal finished
        for item in queue:
            try:
                await item_sync.sync_item(item)
            except (DayLimitReached, CallBudgetSpent) as error:
                # The other tasks finish and land their requests in flight; they stop by themselves.
                ended.append(error)
                return
            finished += 1
            run.context.on_progress(stream.name, finished, total)

    try:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(total, run.context.client.concurrency)):
                    group.create_task(work())
        except* LadderError as errors:
            ended[:] = [error for error in errors.exceptions if isinstance(error, LadderError)]
    except asyncio.CancelledError:
        # Pages that were read by then are kept; the next run resumes the sync.
        with suppress(LakeError):
            await run.lake_writer.flush()
        raise
    try:
        await run.lake_writer.flush()
    except LakeError as error:
        ended[:] = [error]
    return _stop(ended[0]) if ended else None


def _stop(error: LadderError) -> Stop:
    match error:
        case CallBudgetSpent():
            return Stop("call_budget", str(error))
        case DayLimitReached():
            return Stop("day_limit", str(error))
        case LakeError():
            return Stop("lake", str(error))
        case ConsecutiveRefusals(is_of_source=False):
            return Stop("blocked", str(error))
        case WrongKeyError() | WrongAddressError() | ConsecutiveRefusals():
            return Stop("refused", str(error))
        case _:
            return Stop("unreachable", str(error))


def _with_failure_times(selection_context: SelectionContext, source: str, stream: Stream) -> SelectionContext:
    return replace(selection_context, failed_at=last_failures(selection_context.connection, source, stream.name))


def _is_synced_since(item: WorkItem, since: datetime) -> bool:
    return item.cursor is not None and item.cursor.observed_at >= since


@contextmanager
def _database(context: SyncContext) -> Iterator[psycopg.Connection]:
    with connect(context.database_url) as connection:
        try:
            yield connection
        except psycopg.Error as error:
            raise _database_error(error) from None


def _database_error(error: psycopg.Error) -> DatabaseError:
    return to_database_error(
        error,
        (
            "the warehouse cannot be read or written",
            "check that LADDER_DATABASE_URL names a warehouse that `ladder run` has set up",
        ),
    )
