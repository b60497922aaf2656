"""Log lines of a run: start, synced streams, failed tests, publication, end.

The log is `logs/ladder.log` in the home for runs that `ladder run` executes itself, and `logs/worker.log` for all other
runs. Each line has the `run_id` that Dagster shows, so `grep` finds all lines of a run. The lines, about a dozen per
run, are written at any `LADDER_LOG_LEVEL`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dagster import DagsterRun

from orchestration.progress import (
    FailingTest,
    LoadFailed,
    MartsPublished,
    ProgressEvent,
    RunDone,
    SourceSkipped,
    SyncDone,
    subscribe,
)

__all__ = ["RunLog", "logged_run"]

_log = logging.getLogger("ladder.run")
_log.setLevel(logging.INFO)


class RunLog:
    """Writes the last line of a run."""

    def __init__(self) -> None:
        self._started_at = time.monotonic()

    def end(self, done: RunDone) -> None:
        """Log how the run ended."""
        for line in done.errors:
            _log.error("%s", line)
        how = "succeeded" if done.is_ok else "was cancelled" if done.is_cancelled else "failed"
        _log.log(logging.INFO if done.is_ok else logging.ERROR, "run %s", how, extra=self._duration)

    def abort(self, error: BaseException) -> None:
        """Log the error that ended the run before Dagster recorded its end."""
        _log.error("run aborted: %s", error or type(error).__name__, extra=self._duration)

    @property
    def _duration(self) -> dict[str, float]:
        return {"seconds": round(time.monotonic() - self._started_at, 1)}


@contextmanager
def logged_run(run: DagsterRun) -> Iterator[RunLog]:
    """Log the events of a run of this process, from its start to its end."""
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    _log.info("run started", extra={"assets": assets} if assets else {})
    log = RunLog()
    with subscribe(_handle):
        try:
            yield log
        except BaseException as error:
            log.abort(error)
            raise


def _handle(event: ProgressEvent) -> None:
    match event:
        case SyncDone():
            counts = ("requests", "pages", "records", "changed", "rejected")
            _log.log(
                logging.ERROR if event.failures else logging.INFO,
                "%s/%s synced",
                event.source,
                event.name,
                extra={
                    **{name: getattr(event, name) for name in counts},
                    **({"failures": event.failures} if event.failures else {}),
                    **({"notes": event.notes} if event.notes else {}),
                },
            )
        case SourceSkipped(line, tracked):
            _log.warning("%s", line, extra={"tracked": tracked})
        case LoadFailed(line):
            _log.error("%s", line)
        case FailingTest(name, rows):
            # Values of rows are not logged: a log would keep personal data that has to be deleted on request.
            _log.error("test %s failed; Dagster shows its first %s rows", name, len(rows))
        case MartsPublished(generation, is_new, as_of_date):
            _log.info(
                "published generation %s" if is_new else "nothing new; still generation %s",
                generation,
                extra={"as_of_date": as_of_date},
            )
