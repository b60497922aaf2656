"""Dagster's way to the warm worker: runs of the web UI and of schedules go where `ladder run` goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagster import DagsterRun
from dagster._config.config_schema import UserConfigSchema
from dagster._core.errors import DagsterLaunchFailedError
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass
from dagster._serdes.config_class import ConfigurableClassData

from orchestration.runs import WORKER_TAG, is_alive
from orchestration.worker_client import Launch, Terminate, ask
from warehouse.errors import LadderError

__all__ = ["WarmLauncher"]


class WarmLauncher(RunLauncher[Any], ConfigurableClass):
    """Hands runs to the worker of the LADDER_HOME that the instance lies in."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()  # type: ignore[no-untyped-call]  # Dagster says no types here and below

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What Dagster was configured with."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """There is nothing to configure."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> WarmLauncher:
        """As Dagster builds it."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand a run to the worker.

        Raises:
            DagsterLaunchFailedError: no worker answers.
        """
        run = context.dagster_run
        try:
            answer = ask(self._home, Launch(run.run_id))
        except LadderError as error:
            raise DagsterLaunchFailedError(str(error)) from None  # type: ignore[no-untyped-call]
        if not answer.is_ok:
            raise DagsterLaunchFailedError(answer.message)  # type: ignore[no-untyped-call]
        self._instance.add_run_tags(run.run_id, {WORKER_TAG: answer.message})

    def terminate(self, run_id: str) -> bool:
        """Cancel a run; false when it is over or nobody executes it."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        try:
            return ask(self._home, Terminate(run_id)).is_ok
        except LadderError:
            return False

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It does: each run is marked with its process."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the process that executes a run still lives; Dagster fails a run where it does not."""
        mark = run.tags.get(WORKER_TAG)
        if mark is None:
            return CheckRunHealthResult(WorkerStatus.UNKNOWN)
        if is_alive(mark):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the process that executed this run is gone")

    @property
    def _home(self) -> Path:
        return Path(self._instance.root_directory).parent
