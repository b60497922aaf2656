"""How runs ended, recorded in Dagster's storage as soon as it can be reached."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from dagster import DagsterInstance

from orchestration.runs.execution import cancel_unfinished, describe_error, fail_unfinished

__all__ = ["RunOutcomes"]

_log = logging.getLogger(__name__)


class RunOutcomes:
    """Records ends of runs that Dagster itself did not record. What cannot be written is kept for the next attempt.

    Args:
        instance: where runs are recorded.
    """

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._unrecorded: dict[str, Callable[[], None]] = {}

    @property
    def has_unrecorded(self) -> bool:
        """Whether an end has not been recorded yet."""
        return bool(self._unrecorded)

    def cancel(self, run_id: str) -> None:
        """Record that a run was cancelled."""
        self._unrecorded[run_id] = partial(cancel_unfinished, self._instance, run_id)
        self.record()

    def fail(self, run_id: str, error: Exception) -> None:
        """Record that a run failed with an error that no step has reported."""
        _log.exception("run %s failed", run_id)
        self._unrecorded[run_id] = partial(fail_unfinished, self._instance, run_id, describe_error(error))
        self.record()

    def record(self) -> None:
        """Record all ends that are pending, until the database refuses one."""
        for run_id, record in list(self._unrecorded.items()):
            try:
                record()
            except Exception as error:
                _log.warning("the end of run %s cannot be recorded yet: %s", run_id, describe_error(error))
                return
            self._unrecorded.pop(run_id, None)  # threads that cancel runs record ends too

    def report_canceling(self, run_id: str) -> None:
        """Record that a run is being cancelled. The run is interrupted even if this fails."""
        try:
            run = self._instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                self._instance.report_run_canceling(run)
        except Exception:
            _log.exception("the cancellation of run %s cannot be recorded", run_id)
