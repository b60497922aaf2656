"""Syncs of one source in one run: one client and call budget; pages are loaded after each stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from ingestion.errors import Unreachable
from ingestion.sync.connector import SourceConnector
from ingestion.sync.execution import sync_stream
from ingestion.sync.reports import Stop, StopReason, SyncReport
from ingestion.sync.run import SyncContext
from ingestion.sync.streams import Stream
from ingestion.sync.worlds import resolve_settings
from orchestration.engine.interrupts import convert_interrupts, run_interruptibly
from orchestration.progress import SyncDone, SyncProgress, emit
from orchestration.warehouse_access import Warehouse, load_landed
from warehouse.core.errors import LadderError
from warehouse.database.connections import connect
from warehouse.lake.compaction import compact_when_due
from warehouse.model.source import Source
from warehouse.ops.state import confirm_tables
from warehouse.staging.load import LoadReport

__all__ = ["SourceSession", "SyncOutcome", "open_session"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SyncOutcome:
    """The sync of a stream, and the load after it.

    Args:
        report: of the sync.
        loaded: report of the load.
        load_failure: why the landed files could not be loaded, in one line; they stay pending.
        started_at: start of the sync, UTC.
        ended_at: end of the load, UTC.
    """

    report: SyncReport
    loaded: LoadReport
    load_failure: str | None
    started_at: datetime
    ended_at: datetime

    @property
    def failures(self) -> tuple[str, ...]:
        """One line per failed work item, and one each for a sync or a load that had to stop."""
        stop = self.report.stop
        stopped = (stop.message,) if stop and stop.is_error else ()
        unloaded = () if self.load_failure is None else (self.load_failure,)
        return tuple(failure.message for failure in self.report.failures) + stopped + unloaded


class SourceSession:
    """Syncs streams of one source, one after the other. Failures are reported and do not affect other sources.

    Args:
        warehouse: the open warehouse.
        reader: the source.
    """

    def __init__(
        self, warehouse: Warehouse, reader: SourceConnector, runner: asyncio.Runner, stack: AsyncExitStack
    ) -> None:
        self._warehouse = warehouse
        self._reader = reader
        self._runner = runner
        self._stack = stack
        self._context: SyncContext | None = None
        self._source_stop: Stop | None = None
        self._tables = {name: [one.name for one in tables] for name, tables in reader.tables_by_stream().items()}
        # Files that an earlier run landed and could not load. If this fails, the first stream reports the same failure.
        self._loaded_before, _ = load_landed(warehouse, reader.source)

    def run(self, definition: Stream) -> SyncOutcome:
        """Sync a stream and load its landed files.

        A source that does not respond, or rejects the key, gets no more requests in this run.

        Raises:
            DatabaseError: the warehouse cannot be read or written.
        """
        started_at = datetime.now(UTC)
        report = SyncReport(definition.name)
        is_reported = self._source_stop is not None
        if self._source_stop is None:
            report = self._fetch(definition)
            if report.stop and report.stop.is_of_source:
                self._source_stop = report.stop
        loaded, load_failure = load_landed(self._warehouse, self._reader.source)
        loaded, self._loaded_before = self._loaded_before + loaded, LoadReport()
        if not is_reported and self._context is not None:
            self._confirm(report, is_loaded=load_failure is None)
        outcome = SyncOutcome(report, loaded, load_failure, started_at, datetime.now(UTC))
        if not is_reported:
            emit(_done_event(self._reader.source.name, outcome))
        return outcome

    def _confirm(self, report: SyncReport, *, is_loaded: bool) -> None:
        """Record in `ops` whether the source responded for the tables of a stream.

        A sync without due work items neither confirms the tables nor makes them late.
        """
        stop = report.stop
        has_responded = report.pages > 0 and not (stop and stop.is_of_source)
        is_awaited = bool(report.requests or report.skipped or report.failures or stop)
        with connect(self._warehouse.url("ingest")) as connection:
            confirm_tables(
                connection,
                self._reader.source.name,
                self._tables[report.name],
                is_awaited=is_awaited,
                is_confirmed=has_responded and is_loaded,
            )

    def _fetch(self, definition: Stream) -> SyncReport:
        if self._context is None:
            try:
                with convert_interrupts():
                    self._context = run_interruptibly(self._runner, self._open())
            except LadderError as error:
                reason: StopReason = "unreachable" if isinstance(error, Unreachable) else "refused"
                return SyncReport(definition.name, stop=Stop(reason, str(error)))
        with convert_interrupts():
            return run_interruptibly(self._runner, sync_stream(self._context, definition))

    async def _open(self) -> SyncContext:
        self._reader.require_key(self._warehouse.settings)
        source, url, lake = self._reader.source.name, self._warehouse.url("ingest"), self._warehouse.lake
        settings = await resolve_settings(self._reader, self._warehouse.settings, url, lake)
        opening = self._reader.open_context(
            settings,
            url,
            lake,
            on_progress=lambda name, done, total: emit(SyncProgress(source, name, done, total)),
        )
        return await self._stack.enter_async_context(opening)


@contextmanager
def open_session(warehouse: Warehouse, reader: SourceConnector) -> Iterator[SourceSession]:
    """Open the client that the syncs of a run share, after pending files of earlier runs are loaded."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        session = SourceSession(warehouse, reader, runner, stack)
        try:
            yield session
            _compact(warehouse, reader.source)
        finally:
            runner.run(stack.aclose())


def _compact(warehouse: Warehouse, source: Source) -> None:
    """Merge the small files of closed days, once a day. A failure does not fail the run."""
    try:
        compact_when_due(warehouse.servers.database_url, warehouse.lake, source)
    except (LadderError, psycopg.Error) as error:
        _logger.warning("the lake of %s is not compacted: %s", source.name, error)


def _done_event(source: str, outcome: SyncOutcome) -> SyncDone:
    report, loaded = outcome.report, outcome.loaded
    return SyncDone(
        source=source,
        name=report.name,
        requests=report.requests,
        pages=report.pages,
        records=report.records,
        changed=loaded.inserted + loaded.updated + loaded.deleted,
        rejected=loaded.rejected,
        failures=outcome.failures,
        notes=(*report.notices, *((report.stop.message,) if report.stop and not report.stop.is_error else ())),
    )
