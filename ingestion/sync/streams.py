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
    BrokenAnswer,
    CallBudgetSpent,
    DayLimitReached,
    NotFoundError,
    OversizedAnswer,
    PermanentError,
    RefusedInARow,
    TransientError,
    Unreachable,
    UnusableAnswer,
    WrongAddressError,
    WrongKeyError,
)
from ingestion.http.client import Answer, Client
from ingestion.http.rate_limits import CallBudget, Clock
from ingestion.sync.landing import Landing
from ingestion.sync.reports import Failure, PassReport, PlannedPass, Stop
from ingestion.sync.selection import Choice, Item, Situation
from warehouse.core.errors import DatabaseError, LadderError, LakeError
from warehouse.core.settings import Settings
from warehouse.database.connections import connect
from warehouse.database.error_messages import to_database_error
from warehouse.lake.files import Lake
from warehouse.model.source import CursorUpdate, Page, Parsed, Source
from warehouse.ops.state import failed_in_last_sync, finish_sync, last_failures, start_sync
from warehouse.staging.decode import parse_page

__all__ = ["Context", "PassDefinition", "Run", "plan_pass", "run_pass"]

_logger = logging.getLogger(__name__)

#: Things in a row that fail also after retries, after which the source counts as down.
_FAILURES_IN_A_ROW = 5
#: Things in a row that are refused in front of the API, after which the pass ends.
_REFUSALS_IN_A_ROW = 5


@dataclass(frozen=True)
class PassDefinition:
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
    choose: Callable[[Situation], Choice]
    fetch: Callable[[Run, Item], Awaitable[None]]
    share: float = 1.0
    tells_unknown: bool = False
    conclude: Callable[[Situation, Mapping[str, Mapping[str, int]]], None] | None = None


@dataclass
class Context:
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
    unknown: set[str] = field(default_factory=set)


class Run:
    """A pass under way: requests, lands and counts.

    Attributes:
        report: what was done so far.
        found: numbers that answers showed, by id, for the pass's conclusion.
    """

    def __init__(self, context: Context, definition: PassDefinition) -> None:
        self.context = context
        self.definition = definition
        self.budget = context.budget.part(definition.share)
        self.landing = Landing(context.lake, context.source)
        self.report = PassReport(definition.name)
        self.found: dict[str, Mapping[str, int]] = {}
        self._failed_in_a_row = 0
        self._blocked_in_a_row = 0
        self._ending = asyncio.Lock()

    async def get(
        self, path: str, query: Mapping[str, str | int] | None = None, *, may_be_empty: bool = False
    ) -> Answer:
        """Ask the source; see `Client.get`. A body that is no JSON is an answer too, which becomes a reject.

        Raises:
            Unreachable: body after body is no JSON.
        """
        try:
            return await self.context.client.get(path, query, budget=self.budget, may_be_empty=may_be_empty)
        except BrokenAnswer as error:
            self._fail_in_a_row(error)
            return self.absent(error)

    def absent(self, error: PermanentError | BrokenAnswer) -> Answer:
        """What came with an error, as an answer that is worth keeping: nothing is there, or nothing can be read."""
        return Answer(error.request, error.status, {}, error.body, self.context.clock.now())

    def parse(self, endpoint: str, params: Mapping[str, Any], answer: Answer) -> tuple[Page, Parsed]:
        """An answer as a page, and what it will become."""
        page = Page(endpoint, answer.request, params, answer.status, answer.observed_at, answer.body)
        return page, parse_page(self.context.source.endpoints[endpoint], page)

    async def land(
        self, page: Page, parsed: Parsed, cursor: CursorUpdate | None = None, *, if_unusable: CursorUpdate | None = None
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
        await self.landing.put(replace(page, cursor=cursor if refused is None else if_unusable))
        report = self.report
        self.report = replace(
            report,
            pages=report.pages + 1,
            records=report.records + sum(frame.height for frame in parsed.frames.values()),
            rejected=report.rejected + len(parsed.rejects),
        )
        if refused is not None:
            raise UnusableAnswer(f"the answer cannot be used ({refused.reason})", "see `ladder rejects list`")

    def fail(self, item: Item, message: str) -> None:
        """Report that a thing could not be read."""
        self.report = replace(self.report, failures=(*self.report.failures, Failure(item.name, message)))

    def notice(self, message: str) -> None:
        """Report what somebody should know although nothing failed."""
        self.report = replace(self.report, notices=(*self.report.notices, message))

    async def read(self, item: Item) -> None:
        """Read one thing; what concerns only this thing ends as a failure."""
        advice = f"; {item.advice}" if item.advice else ""
        try:
            await self.definition.fetch(self, item)
        except (WrongKeyError, WrongAddressError, Unreachable):
            raise
        except BlockedError as error:
            self.fail(item, f"{item.name}: {error}")
            self._blocked_in_a_row += 1
            if self._blocked_in_a_row >= _REFUSALS_IN_A_ROW:
                # Whoever else comes here meanwhile waits, and is cancelled when the pass ends.
                async with self._ending:
                    await self._end_blocked(error)
            return
        except NotFoundError as error:
            if self.definition.tells_unknown:
                self.context.unknown.add(item.name)
            self.fail(item, f"{item.name}: {error.message}{advice}")
        except OversizedAnswer as error:
            self.fail(item, f"{item.name}: {error}")
        except PermanentError as error:
            self.fail(item, f"{item.name}: {error.message}")
        except UnusableAnswer as error:
            self.fail(item, f"{item.name}: {error}{advice}")
        except TransientError as error:
            self.fail(item, f"{item.name}: {error}")
            self._fail_in_a_row(error)
            return
        except LadderError:
            raise
        except Exception as error:
            _logger.exception("%s cannot be read", item.name, extra={"pass": self.definition.name})
            self.fail(item, f"{item.name}: its answer cannot be used ({type(error).__name__}); see logs/")
            return
        else:
            self._failed_in_a_row = 0
            self.report = replace(self.report, done=self.report.done + 1)
        self._blocked_in_a_row = 0

    async def _end_blocked(self, last: BlockedError) -> None:
        """End the pass after refusals in a row; the whole source, where even its open path is refused.

        Raises:
            RefusedInARow: always.
        """
        is_of_source = not await self.context.client.is_open(self.budget)
        seen = f"{_REFUSALS_IN_A_ROW} requests in a row were refused, the last so: {last.message}"
        if is_of_source:
            raise RefusedInARow(
                f"{seen}; {self.context.client.upstream.open_path} is refused too", last.hint, is_of_source=True
            )
        raise RefusedInARow(
            f"{seen}; other paths are answered, so the rest of {self.definition.name} waits for the next run",
            last.hint,
            is_of_source=False,
        )

    def _fail_in_a_row(self, error: TransientError) -> None:
        """Count a failure that may be everybody's; raise once it is."""
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= _FAILURES_IN_A_ROW:
            raise Unreachable(f"request after request fails: {error.message}", error.hint) from None


async def run_pass(context: Context, definition: PassDefinition) -> PassReport:
    """Do a pass and report on it. Load pending lake files before, so that what was landed is not fetched again.

    Raises:
        DatabaseError: the warehouse cannot be read or written.
    """
    source = context.source.name
    with _database(context) as connection:
        opened = start_sync(connection, source, definition.name)
        situation = Situation(connection, context.settings, context.clock.now())
        choice = definition.choose(_with_failures(situation, source, definition))
        failed = failed_in_last_sync(connection, source, definition.name)
    items = [item for item in choice.items if item.name not in context.unknown]
    items.sort(key=lambda item: item.name in failed)
    if opened.is_resumed:
        items = [item for item in items if not _is_read_since(item, opened.started_at)]
    # What cannot be requested is reported once a run, not in every pass.
    failures = tuple(failure for failure in choice.failures if failure.item not in context.unknown)
    context.unknown.update(failure.item for failure in failures)
    run = Run(context, definition)
    run.report = replace(run.report, skipped=choice.skipped + len(choice.items) - len(items), failures=failures)
    stop = await _read_all(run, items)
    report = replace(run.report, requests=run.budget.spent, stop=stop)
    with _database(context) as connection:
        if definition.conclude is not None and run.found:
            definition.conclude(Situation(connection, context.settings, context.clock.now()), run.found)
        finish_sync(connection, opened, report.as_json())
    return report


def plan_pass(situation: Situation, source: str, definition: PassDefinition) -> PlannedPass:
    """What a pass would request now, without a request.

    Raises:
        DatabaseError: the warehouse cannot be read.
    """
    try:
        choice = definition.choose(_with_failures(situation, source, definition))
    except psycopg.Error as error:
        raise _database_error(error) from None
    requests = Counter(endpoint for item in choice.items for endpoint in item.endpoints)
    return PlannedPass(definition.name, dict(requests), choice.skipped, choice.failures, dict(choice.due))


def _with_failures(situation: Situation, source: str, definition: PassDefinition) -> Situation:
    return replace(situation, failed_at=last_failures(situation.connection, source, definition.name))


async def _read_all(run: Run, items: Sequence[Item]) -> Stop | None:
    """Read every item, some side by side in the order given, until done or stopped; then flush the lake."""
    queue = iter(items)
    total, finished = len(items), 0
    ended: list[LadderError] = []

    async def work() -> None:
        nonlocal finished
        for item in queue:
            try:
                await run.read(item)
            except (DayLimitReached, CallBudgetSpent) as error:
                # What the others have under way is answered and landed; they come to their own end.
                ended.append(error)
                return
            finished += 1
            run.context.on_progress(run.definition.name, finished, total)

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
            await run.landing.flush()
        raise
    try:
        await run.landing.flush()
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
        case RefusedInARow(is_of_source=False):
            return Stop("blocked", str(error))
        case WrongKeyError() | WrongAddressError() | RefusedInARow():
            return Stop("refused", str(error))
        case _:
            return Stop("unreachable", str(error))


def _is_read_since(item: Item, moment: datetime) -> bool:
    return item.cursor is not None and item.cursor.observed_at >= moment


@contextmanager
def _database(context: Context) -> Iterator[psycopg.Connection]:
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
            "check that LADDER_DATABASE_URL leads to a warehouse that `ladder run` has set up",
        ),
    )
