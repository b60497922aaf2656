"""The passes of one run over one source: one client, one call budget, landed pages loaded after each pass."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from ingestion.errors import Unreachable
from ingestion.sync.connector import Reader
from ingestion.sync.reports import PassReport, Stop, StopReason
from ingestion.sync.streams import Context, PassDefinition, run_pass
from ingestion.sync.worlds import settled
from orchestration.engine.interrupts import convert_interrupts, run_interruptibly
from orchestration.progress import SyncDone, SyncProgress, emit
from orchestration.warehouse_access import Warehouse, load_landed
from warehouse.core.errors import LadderError
from warehouse.database.connections import connect
from warehouse.lake.compaction import compact_when_due
from warehouse.model.source import Source
from warehouse.ops.state import confirm
from warehouse.staging.load import LoadReport

__all__ = ["SourceSession", "SyncOutcome", "open_session"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SyncOutcome:
    """A pass and the load after it.

    Args:
        report: what was fetched.
        loaded: what that changed.
        load_failure: why what was landed could not be loaded; it stays pending.
        started_at: when it began, UTC.
        ended_at: when it was loaded, UTC.
    """

    report: PassReport
    loaded: LoadReport
    load_failure: str | None
    started_at: datetime
    ended_at: datetime

    @property
    def failures(self) -> tuple[str, ...]:
        """One line for each thing that failed, and for a pass or a load that could not go on."""
        stop = self.report.stop
        ended = (stop.message,) if stop and stop.is_error else ()
        unloaded = () if self.load_failure is None else (self.load_failure,)
        return tuple(failure.message for failure in self.report.failures) + ended + unloaded


class SourceSession:
    """Does passes over one source, one after the other; what goes wrong there is told and keeps nothing else waiting.

    Args:
        warehouse: the open warehouse.
        reader: the source.
    """

    def __init__(self, warehouse: Warehouse, reader: Reader, runner: asyncio.Runner, stack: AsyncExitStack) -> None:
        self._warehouse = warehouse
        self._reader = reader
        self._runner = runner
        self._stack = stack
        self._context: Context | None = None
        self._ended: Stop | None = None
        self._tables = {name: [one.name for one in tables] for name, tables in reader.tables_by_pass().items()}
        # What an earlier run landed and could not load. Where this fails, the first pass fails in the same way.
        self._loaded_before, _ = load_landed(warehouse, reader.source)

    def run(self, definition: PassDefinition) -> SyncOutcome:
        """Do a pass and load what it landed.

        A source that does not answer, or refuses the key, is not asked again in this run.

        Raises:
            DatabaseError: the warehouse cannot be read or written.
        """
        started_at = datetime.now(UTC)
        report = PassReport(definition.name)
        is_told = self._ended is not None
        if self._ended is None:
            report = self._fetch(definition)
            if report.stop and report.stop.is_of_source:
                self._ended = report.stop
        loaded, load_failure = load_landed(self._warehouse, self._reader.source)
        loaded, self._loaded_before = self._loaded_before + loaded, LoadReport()
        if not is_told and self._context is not None:
            self._confirm(report, is_loaded=load_failure is None)
        outcome = SyncOutcome(report, loaded, load_failure, started_at, datetime.now(UTC))
        if not is_told:
            emit(_message(self._reader.source.name, outcome))
        return outcome

    def _confirm(self, report: PassReport, *, is_loaded: bool) -> None:
        """Record in `ops` whether the source answered for the tables of a pass. Nothing due is neither yes nor no."""
        stop = report.stop
        is_answered = report.pages > 0 and not (stop and stop.is_of_source)
        is_awaited = bool(report.requests or report.skipped or report.failures or stop)
        with connect(self._warehouse.url("ingest")) as connection:
            confirm(
                connection,
                self._reader.source.name,
                self._tables[report.name],
                is_awaited=is_awaited,
                is_confirmed=is_answered and is_loaded,
            )

    def _fetch(self, definition: PassDefinition) -> PassReport:
        if self._context is None:
            try:
                with convert_interrupts():
                    self._context = run_interruptibly(self._runner, self._open())
            except LadderError as error:
                reason: StopReason = "unreachable" if isinstance(error, Unreachable) else "refused"
                return PassReport(definition.name, stop=Stop(reason, str(error)))
        with convert_interrupts():
            return run_interruptibly(self._runner, run_pass(self._context, definition))

    async def _open(self) -> Context:
        self._reader.require_key(self._warehouse.settings)
        source, url, lake = self._reader.source.name, self._warehouse.url("ingest"), self._warehouse.lake
        settings = await settled(self._reader, self._warehouse.settings, url, lake)
        opening = self._reader.open_context(
            settings,
            url,
            lake,
            on_progress=lambda name, done, total: emit(SyncProgress(source, name, done, total)),
        )
        return await self._stack.enter_async_context(opening)


@contextmanager
def open_session(warehouse: Warehouse, reader: Reader) -> Iterator[SourceSession]:
    """Open what the passes of a run share; what an earlier run landed and could not load is loaded first."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        session = SourceSession(warehouse, reader, runner, stack)
        try:
            yield session
            _keep_compact(warehouse, reader.source)
        finally:
            runner.run(stack.aclose())


def _keep_compact(warehouse: Warehouse, source: Source) -> None:
    """Put the small files of closed days together, once a day; a run does not fail by it."""
    try:
        compact_when_due(warehouse.servers.database_url, warehouse.lake, source)
    except (LadderError, psycopg.Error) as error:
        _logger.warning("the lake of %s is not compacted: %s", source.name, error)


def _message(source: str, outcome: SyncOutcome) -> SyncDone:
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
