"""The lines that a run leaves in the log of its process: start, passes, tests that failed, publication, end.

The log is `logs/ladder.log` of a run that `ladder run` does itself, and `logs/worker.log` of every other one, under the
home. Each line has the `run_id` that Dagster shows, so that `grep` finds a run whole. They are written at any
`LADDER_LOG_LEVEL`: a dozen lines a run.
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
    """Writes the lines of one run."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def end(self, done: RunDone) -> None:
        """Write how the run ended."""
        for line in done.errors:
            _log.error("%s", line)
        how = "succeeded" if done.is_ok else "was cancelled" if done.is_cancelled else "failed"
        _log.log(logging.INFO if done.is_ok else logging.ERROR, "the run %s", how, extra=self._spent)

    def died(self, error: BaseException) -> None:
        """Write what ended the run before Dagster could record how."""
        _log.error("the run ended: %s", error or type(error).__name__, extra=self._spent)

    @property
    def _spent(self) -> dict[str, float]:
        return {"seconds": round(time.monotonic() - self._began, 1)}


@contextmanager
def logged_run(run: DagsterRun) -> Iterator[RunLog]:
    """Log what a run of this process tells, from its begin to its end."""
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    _log.info("the run begins", extra={"assets": assets} if assets else {})
    log = RunLog()
    with subscribe(_handle):
        try:
            yield log
        except BaseException as error:
            log.died(error)
            raise


def _handle(message: ProgressEvent) -> None:
    match message:
        case SyncDone():
            counts = ("requests", "pages", "records", "changed", "rejected")
            _log.log(
                logging.ERROR if message.failures else logging.INFO,
                "%s/%s is over",
                message.source,
                message.name,
                extra={
                    **{name: getattr(message, name) for name in counts},
                    **({"failures": message.failures} if message.failures else {}),
                    **({"notes": message.notes} if message.notes else {}),
                },
            )
        case SourceSkipped(line, tracked):
            _log.warning("%s", line, extra={"tracked": tracked})
        case LoadFailed(line):
            _log.error("%s", line)
        case FailingTest(name, rows):
            # What the rows hold is shown, and not kept: people may ask to be forgotten.
            _log.error("test %s failed; its first %s rows are shown by Dagster", name, len(rows))
        case MartsPublished(generation, is_new, as_of_date):
            _log.info(
                "published generation %s" if is_new else "nothing new; still generation %s",
                generation,
                extra={"as_of_date": as_of_date},
            )
