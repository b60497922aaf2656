"""The passes of one run over OpenDota: one client, one call budget, landed pages loaded after each pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from ingestion.opendota.passes import open_context
from ingestion.opendota.source import SOURCE
from ingestion.passes import Context, PassDefinition, run_pass
from ingestion.reports import PassReport, Stop
from orchestration.interrupts import foreign_code
from orchestration.progress import PassDone, PassProgress, tell
from orchestration.warehouse_access import Warehouse
from warehouse.load import LoadReport, load_pending

__all__ = ["OpenDotaSession", "PassOutcome", "open_session"]


@dataclass(frozen=True)
class PassOutcome:
    """A pass and the load after it.

    Args:
        report: what was fetched.
        loaded: what that changed.
        started_at: when it began, UTC.
        ended_at: when it was loaded, UTC.
    """

    report: PassReport
    loaded: LoadReport
    started_at: datetime
    ended_at: datetime

    @property
    def failures(self) -> tuple[str, ...]:
        """One line for each thing that failed, and for a pass that could not go on."""
        stop = self.report.stop
        ended = (stop.message,) if stop and stop.is_error else ()
        return tuple(failure.message for failure in self.report.failures) + ended


class OpenDotaSession:
    """Does passes, one after the other."""

    def __init__(self, warehouse: Warehouse, runner: asyncio.Runner, context: Context) -> None:
        self._warehouse = warehouse
        self._runner = runner
        self._context = context
        self._ended: Stop | None = None

    def load(self) -> LoadReport:
        """Load what is landed and not loaded yet."""
        return load_pending(self._warehouse.url("ingest"), self._warehouse.lake, SOURCE)

    def run(self, definition: PassDefinition) -> PassOutcome:
        """Do a pass and load what it landed.

        A source that does not answer, or refuses the key, is not asked again in this run.

        Raises:
            DatabaseError: the warehouse cannot be read or written.
            LakeError: a landed file cannot be read.
        """
        started_at = datetime.now(UTC)
        report = PassReport(definition.name)
        is_told = self._ended is not None
        if self._ended is None:
            with foreign_code():
                report = self._runner.run(run_pass(self._context, definition))
            if report.stop and report.stop.is_error:
                self._ended = report.stop
        outcome = PassOutcome(report, self.load(), started_at, datetime.now(UTC))
        if not is_told:
            tell(_message(outcome))
        return outcome


@contextmanager
def open_session(warehouse: Warehouse) -> Iterator[OpenDotaSession]:
    """Open what the passes of a run share; what an earlier run landed and could not load is loaded first."""
    with asyncio.Runner() as runner:
        opening = open_context(
            warehouse.settings,
            warehouse.url("ingest"),
            warehouse.lake,
            on_progress=lambda name, done, total: tell(PassProgress(name, done, total)),
        )
        context = runner.run(opening.__aenter__())
        try:
            session = OpenDotaSession(warehouse, runner, context)
            session.load()
            yield session
        finally:
            runner.run(opening.__aexit__(None, None, None))


def _message(outcome: PassOutcome) -> PassDone:
    report, loaded = outcome.report, outcome.loaded
    return PassDone(
        name=report.name,
        requests=report.requests,
        records=report.records,
        changed=loaded.inserted + loaded.updated + loaded.deleted,
        rejected=loaded.rejected,
        failures=outcome.failures,
        notes=(*report.notices, *((report.stop.message,) if report.stop and not report.stop.is_error else ())),
    )
