"""A pass over a source: choose what is due, fetch it side by side, land it, report.

Failures of one thing are reported and the rest is done; what concerns every thing (no network, wrong key, full disk,
spent budget) ends the pass. So do several refusals in a row by what is in front of the API. Things take turns, and what
failed in the pass before comes last, so that it keeps nothing else waiting. A pass that was killed is resumed: what it
read already is not read again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import psycopg

from ingestion.errors import (
    BlockedError,
    CallBudgetSpent,
    ConsecutiveRefusals,
    DayLimitReached,
    MalformedResponse,
    NotFoundError,
    OversizedResponse,
    PermanentError,
    TransientError,
    Unreachable,
    UnusableResponse,
    WrongAddressError,
    WrongKeyError,
)
from ingestion.http.client import Client, Response
from ingestion.http.rate_limits import CallBudget, Clock
from ingestion.sync.lake_writer import LakeWriter
from ingestion.sync.reports import Failure, PlannedSync, Stop, SyncReport
from ingestion.sync.selection import Selection, SelectionContext, WorkItem
from warehouse.core.errors import DatabaseError, LadderError, LakeError
from warehouse.core.settings import Settings
from warehouse.database.connections import connect
from warehouse.database.refused import refused
from warehouse.lake.files import Lake
from warehouse.model.source import CursorMove, Page, Parsed, Source
from warehouse.ops.state import failed_at, failed_before, finish_pass, start_pass
from warehouse.staging.decode import parse_page

__all__ = ["Stream", "SyncContext", "SyncRun", "plan_stream", "sync_stream"]

_logger = logging.getLogger(__name__)

#: Things in a row that fail also after retries, after which the source counts as down.
_MAX_CONSECUTIVE_FAILURES = 5
#: Things in a row that are refused in front of the API, after which the pass ends.
_MAX_CONSECUTIVE_REFUSALS = 5


@dataclass(frozen=True)
class Stream:
    """A kind of pass.

    Args:
        name: its name, which is that of the staging table it fills first.
        endpoints: endpoints whose pages it lands.
        choose: chooses what to read; reads the database and nothing else.
        fetch: reads one thing and lands it.
        share: share of the run's remaining call budget that it may spend, so that it does not starve what follows.
        conclude: takes down in `ops` what the answers showed, by thing (`Run.found`), when the pass is over.
        tells_unknown: a 404 or 410 is about the thing itself, not a part of it; later passes of the run leave it out.
    """

    name: str
    endpoints: tuple[str, ...]
    select: Callable[[SelectionContext], Selection]
    fetch: Callable[[SyncRun, WorkItem], Awaitable[None]]
    budget_share: float = 1.0
    not_found_means_unknown_id: bool = False
    on_finish: Callable[[SelectionContext, Mapping[str, Mapping[str, int]]], None] | None = None


@dataclass
class SyncContext:
    """What the passes of one run share.

    Args:
        source: the source.
        settings: the configuration.
        database_url: a login that may read staging and write `ops` (`ladder_ingest`).
        lake: where pages land.
        client: asks the source.
        budget: requests that the whole run may make.
        clock: time.
        on_progress: told the name of the pass, things read so far and things to read, after each thing.
        unknown: names of things that the source did not know; later passes of the run leave them out.
    """

    source: Source
    settings: Settings
    database_url: str
    lake: Lake
    client: Client
    budget: CallBudget
    clock: Clock
    on_progress: Callable[[str, int, int], None] = lambda name, done, total: None
    unknown_items: set[str] = field(default_factory=set)


class SyncRun:
    """A pass under way: requests, lands and counts.

    Attributes:
        report: what was done so far.
        found: numbers that answers showed, by id, for the pass's conclusion.
    """

    def __init__(self, context: SyncContext, stream: Stream) -> None:
        self.context = context
        self.stream = stream
        self.budget = context.budget.sub_budget(stream.budget_share)
        self.lake_writer = LakeWriter(context.lake, context.source)
        self.report = SyncReport(stream.name)
        self.reported_totals: dict[str, Mapping[str, int]] = {}
        self._consecutive_failures = 0
        self._consecutive_refusals = 0
        self._stop_lock = asyncio.Lock()

    async def get(
        self, path: str, query: Mapping[str, str | int] | None = None, *, may_be_empty: bool = False
    ) -> Response:
        """Ask the source; see `Client.get`. A body that is no JSON is an answer too, which becomes a reject.

        Raises:
            Unreachable: body after body is no JSON.
        """
        try:
            return await self.context.client.get(path, query, budget=self.budget, may_be_empty=may_be_empty)
        except MalformedResponse as error:
            self._count_consecutive_failure(error)
            return self.response_from_error(error)

    def response_from_error(self, error: PermanentError | MalformedResponse) -> Response:
        """What came with an error, as an answer that is worth keeping: nothing is there, or nothing can be read."""
        return Response(error.request, error.status, {}, error.body, self.context.clock.now())

    def parse(self, endpoint: str, params: Mapping[str, Any], answer: Response) -> tuple[Page, Parsed]:
        """An answer as a page, and what it will become."""
        page = Page(endpoint, answer.request, params, answer.status, answer.observed_at, answer.body)
        return page, parse_page(self.context.source.endpoints[endpoint], page)

    async def land(
        self, page: Page, parsed: Parsed, cursor: CursorMove | None = None, *, if_unusable: CursorMove | None = None
    ) -> None:
        """Land a page, and with it the move of a cursor.

        Args:
            page: the answer.
            parsed: what it will become.
            cursor: how far the answer brings what is read.
            if_unusable: the move in its place when the answer is refused as a whole; by default none, so that the
                same thing is requested again.

        Raises:
            UnusableAnswer: the answer is refused as a whole; it is landed all the same, and becomes a reject.
            LakeError: an earlier page could not be written.
        """
        refused = next((reject for reject in parsed.rejects if reject.record_index < 0), None)
        await self.lake_writer.put(replace(page, cursor=cursor if refused is None else if_unusable))
        report = self.report
        self.report = replace(
            report,
            pages=report.pages + 1,
            records=report.records + sum(frame.height for frame in parsed.frames.values()),
            rejected=report.rejected + len(parsed.rejects),
        )
        if refused is not None:
            raise UnusableResponse(f"the answer cannot be used ({refused.reason})", "see `ladder rejects list`")

    def add_failure(self, item: WorkItem, message: str) -> None:
        """Report that a thing could not be read."""
        self.report = replace(self.report, failures=(*self.report.failures, Failure(item.name, message)))

    def add_notice(self, message: str) -> None:
        """Report what somebody should know although nothing failed."""
        self.report = replace(self.report, notices=(*self.report.notices, message))

    async def sync_item(self, item: WorkItem) -> None:
        """Read one thing; what concerns only this thing ends as a failure."""
        advice = f"; {item.advice}" if item.advice else ""
        try:
            await self.stream.fetch(self, item)
        except (WrongKeyError, WrongAddressError, Unreachable):
            raise
        except BlockedError as error:
            self.add_failure(item, f"{item.name}: {error}")
            self._consecutive_refusals += 1
            if self._consecutive_refusals >= _MAX_CONSECUTIVE_REFUSALS:
                # Whoever else comes here meanwhile waits, and is cancelled when the pass ends.
                async with self._stop_lock:
                    await self._stop_after_refusals(error)
            return
        except NotFoundError as error:
            if self.stream.not_found_means_unknown_id:
                self.context.unknown_items.add(item.name)
            self.add_failure(item, f"{item.name}: {error.message}{advice}")
        except OversizedResponse as error:
            self.add_failure(item, f"{item.name}: {error}")
        except PermanentError as error:
            self.add_failure(item, f"{item.name}: {error.message}")
        except UnusableResponse as error:
            self.add_failure(item, f"{item.name}: {error}{advice}")
        except TransientError as error:
            self.add_failure(item, f"{item.name}: {error}")
            self._count_consecutive_failure(error)
            return
        except LadderError:
            raise
        except Exception as error:
            _logger.exception("%s cannot be read", item.name, extra={"pass": self.stream.name})
            self.add_failure(item, f"{item.name}: its answer cannot be used ({type(error).__name__}); see logs/")
            return
        else:
            self._consecutive_failures = 0
            self.report = replace(self.report, done=self.report.done + 1)
        self._consecutive_refusals = 0

    async def _stop_after_refusals(self, last: BlockedError) -> None:
        """End the pass after refusals in a row; the whole source, where even its open path is refused.

        Raises:
            RefusedInARow: always.
        """
        is_of_source = not await self.context.client.can_read_open_path(self.budget)
        seen = f"{_MAX_CONSECUTIVE_REFUSALS} requests in a row were refused, the last so: {last.message}"
        if is_of_source:
            raise ConsecutiveRefusals(
                f"{seen}; {self.context.client.upstream.open_path} is refused too", last.hint, is_of_source=True
            )
        raise ConsecutiveRefusals(
            f"{seen}; other paths are answered, so the rest of {self.stream.name} waits for the next run",
            last.hint,
            is_of_source=False,
        )

    def _count_consecutive_failure(self, error: TransientError) -> None:
        """Count a failure that may be everybody's; raise once it is."""
        self._consecutive_failures += 1
        if self._consecutive_failures >= _MAX_CONSECUTIVE_FAILURES:
            raise Unreachable(f"request after request fails: {error.message}", error.hint) from None


async def sync_stream(context: SyncContext, stream: Stream) -> SyncReport:
    """Do a pass and report on it. Load pending lake files before, so that what was landed is not fetched again.

    Raises:
        DatabaseError: the warehouse cannot be read or written.
    """
    source = context.source.name
    with _database(context) as connection:
        opened = start_pass(connection, source, stream.name)
        selection_context = SelectionContext(connection, context.settings, context.clock.now())
        selection = stream.select(_with_failure_times(selection_context, source, stream))
        failed = failed_before(connection, source, stream.name)
    items = [item for item in selection.items if item.name not in context.unknown_items]
    items.sort(key=lambda item: item.name in failed)
    if opened.is_resumed:
        items = [item for item in items if not _is_synced_since(item, opened.started_at)]
    # What cannot be requested is reported once a run, not in every pass.
    failures = tuple(failure for failure in selection.failures if failure.item not in context.unknown_items)
    context.unknown_items.update(failure.item for failure in failures)
    run = SyncRun(context, stream)
    run.report = replace(run.report, skipped=selection.skipped + len(selection.items) - len(items), failures=failures)
    stop = await _sync_items(run, items)
    report = replace(run.report, requests=run.budget.spent, stop=stop)
    with _database(context) as connection:
        if stream.on_finish is not None and run.reported_totals:
            stream.on_finish(SelectionContext(connection, context.settings, context.clock.now()), run.reported_totals)
        finish_pass(connection, opened, report.as_json())
    return report


def plan_stream(selection_context: SelectionContext, source: str, stream: Stream) -> PlannedSync:
    """What a pass would request now, without a request.

    Raises:
        DatabaseError: the warehouse cannot be read.
    """
    try:
        selection = stream.select(_with_failure_times(selection_context, source, stream))
    except psycopg.Error as error:
        raise _database_error(error) from None
    requests = Counter(endpoint for item in selection.items for endpoint in item.endpoints)
    return PlannedSync(stream.name, dict(requests), selection.skipped, selection.failures, dict(selection.due))


def _with_failure_times(selection_context: SelectionContext, source: str, stream: Stream) -> SelectionContext:
    return replace(selection_context, failed_at=failed_at(selection_context.connection, source, stream.name))


async def _sync_items(run: SyncRun, items: Sequence[WorkItem]) -> Stop | None:
    """Read every item, some side by side in the order given, until done or stopped; then flush the lake."""
    queue = iter(items)
    total, finished = len(items), 0
    ended: list[LadderError] = []

    async def work() -> None:
        nonlocal finished
        for item in queue:
            try:
                await run.sync_item(item)
            except (DayLimitReached, CallBudgetSpent) as error:
                # What the others have under way is answered and landed; they come to their own end.
                ended.append(error)
                return
            finished += 1
            run.context.on_progress(run.stream.name, finished, total)

    try:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(total, run.context.client.concurrency)):
                    group.create_task(work())
        except* LadderError as errors:
            ended[:] = [error for error in errors.exceptions if isinstance(error, LadderError)]
    except asyncio.CancelledError:
        # What was read by then is kept; the pass is resumed by the next run.
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
    return refused(
        error,
        (
            "the warehouse cannot be read or written",
            "check that LADDER_DATABASE_URL leads to a warehouse that `ladder run` has set up",
        ),
    )
