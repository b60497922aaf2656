"""One sync of a stream while it runs: it requests, parses, lands and counts. A stream's `fetch` works with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ingestion.errors import MalformedResponse, PermanentError, TransientError, Unreachable, UnusableResponse
from ingestion.http.client import Client, Response
from ingestion.http.rate_limits import CallBudget, Clock
from ingestion.sync.landing import LakeWriter
from ingestion.sync.reports import Failure, SyncReport
from ingestion.sync.selection import WorkItem
from warehouse.core.settings import Settings
from warehouse.lake.files import Lake
from warehouse.model.source import CursorUpdate, Page, Parsed, Source
from warehouse.staging.decode import parse_page

__all__ = ["SyncContext", "SyncRun"]

#: After so many transient failures in a row, each after its retries, the source counts as down.
_MAX_CONSECUTIVE_FAILURES = 5


@dataclass
class SyncContext:
    """State that all streams of one run share.

    Args:
        source: the source.
        settings: the configuration.
        database_url: a login that may read staging and write `ops` (`ladder_ingest`).
        lake: where pages land.
        client: HTTP client of the source.
        budget: requests that the whole run may make.
        clock: time.
        on_progress: called after each work item with the stream's name, finished items and total items.
        unknown_items: names of work items that the source did not know; later streams of the run skip them.
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
    """One sync of a stream while it runs.

    Args:
        context: shared state of the run.
        name: name of the stream.
        budget_share: share (0 to 1) of the run's remaining call budget that the sync may spend.

    Attributes:
        report: counts so far.
        reported_totals: totals that responses reported, by id, for `Stream.on_finish`.
    """

    def __init__(self, context: SyncContext, name: str, budget_share: float) -> None:
        self.context = context
        self.budget = context.budget.sub_budget(budget_share)
        self.lake_writer = LakeWriter(context.lake, context.source)
        self.report = SyncReport(name)
        self.reported_totals: dict[str, Mapping[str, int]] = {}
        self._consecutive_failures = 0

    async def get(
        self, path: str, query: Mapping[str, str | int] | None = None, *, may_be_empty: bool = False
    ) -> Response:
        """Request a path; see `Client.get`. A body that is not JSON is returned too, and becomes a reject.

        Raises:
            Unreachable: several bodies in a row were not JSON.
        """
        try:
            return await self.context.client.get(path, query, budget=self.budget, may_be_empty=may_be_empty)
        except MalformedResponse as error:
            self.count_failure(error)
            return self.response_from_error(error)

    def response_from_error(self, error: PermanentError | MalformedResponse) -> Response:
        """The response behind an error, for errors that are worth storing: not found, rejected, not JSON."""
        return Response(error.request, error.status, {}, error.body, self.context.clock.now())

    def parse(self, endpoint: str, params: Mapping[str, Any], response: Response) -> tuple[Page, Parsed]:
        """The page of a response, and the rows and rejects that it will become."""
        page = Page(endpoint, response.request, params, response.status, response.observed_at, response.body)
        return page, parse_page(self.context.source.endpoints[endpoint], page)

    async def land(
        self, page: Page, parsed: Parsed, cursor: CursorUpdate | None = None, *, if_unusable: CursorUpdate | None = None
    ) -> None:
        """Land a page together with the move of a cursor.

        Args:
            page: the page.
            parsed: its rows and rejects.
            cursor: the cursor after this page.
            if_unusable: the cursor after this page if the page is rejected as a whole; by default the cursor does not
                move, so the next sync requests the same page again.

        Raises:
            UnusableResponse: the page is rejected as a whole; it is landed nevertheless, and becomes a reject.
            LakeError: an earlier page could not be written.
        """
        page_reject = next((reject for reject in parsed.rejects if reject.record_index < 0), None)
        await self.lake_writer.put(replace(page, cursor=cursor if page_reject is None else if_unusable))
        report = self.report
        self.report = replace(
            report,
            pages=report.pages + 1,
            records=report.records + sum(frame.height for frame in parsed.frames.values()),
            rejected=report.rejected + len(parsed.rejects),
        )
        if page_reject is not None:
            raise UnusableResponse(f"the response cannot be used ({page_reject.reason})", "see `ladder rejects list`")

    def add_failure(self, item: WorkItem, message: str) -> None:
        """Report a work item that could not be read."""
        self.report = replace(self.report, failures=(*self.report.failures, Failure(item.name, message)))

    def add_notice(self, message: str) -> None:
        """Report something that a user should know although nothing failed."""
        self.report = replace(self.report, notices=(*self.report.notices, message))

    def count_success(self) -> None:
        """Count a work item that was read completely."""
        self._consecutive_failures = 0
        self.report = replace(self.report, done=self.report.done + 1)

    def count_failure(self, error: TransientError) -> None:
        """Count a transient failure, which may concern the whole source.

        Raises:
            Unreachable: it was one of several in a row.
        """
        self._consecutive_failures += 1
        if self._consecutive_failures >= _MAX_CONSECUTIVE_FAILURES:
            raise Unreachable(f"request after request fails: {error.message}", error.hint) from None
