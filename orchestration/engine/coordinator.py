"""How a launched run starts: through Dagster's queue while a daemon processes it, immediately otherwise."""

from __future__ import annotations

from dagster import DagsterRun, DagsterRunStatus
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator

from orchestration.processes.schedules_lock import is_held
from warehouse.core.settings import load_settings

__all__ = ["HomeCoordinator"]


class HomeCoordinator(QueuedRunCoordinator):
    """Dagster's queue, with its limits, while `ladder up` or `dagster dev` runs; otherwise runs start immediately."""

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Queue a run, or launch it if no daemon processes the queue."""
        run = context.dagster_run
        if run.status != DagsterRunStatus.NOT_STARTED or is_held(load_settings().home):
            return super().submit_run(context)
        return self._instance.launch_run(run.run_id, context.workspace)
