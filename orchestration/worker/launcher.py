"""Dagster's way to execute a run: in the warm worker, where `ladder run` goes too, or in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psutil
from dagster import DagsterRun, DagsterRunStatus
from dagster._config.config_schema import UserConfigSchema
from dagster._core.errors import DagsterLaunchFailedError
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass
from dagster._serdes.config_class import ConfigurableClassData

from orchestration.processes.managed_process import ManagedProcess
from orchestration.processes.schedules_lock import is_held
from orchestration.runs.execution import WORKER_TAG, cancel_unfinished, is_alive, process_identity
from orchestration.worker.client import Launch, Terminate, send_request
from warehouse.core.errors import LadderError
from warehouse.core.settings import load_settings

__all__ = ["WarmLauncher"]

#: A run that is interrupted before its first step ends at once.
_INTERRUPTED_S = 5.0
_POLL_S = 0.05


class WarmLauncher(RunLauncher[Any], ConfigurableClass):
    """Hands runs to the home's worker; without one, starts a process for each.

    Such a process ends with the command that runs the schedules. Where no command does, as after `dagster job launch`,
    it goes on by itself.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._children: dict[str, ManagedProcess] = {}
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
        """Hand a run to the worker, or start its process.

        Raises:
            DagsterLaunchFailedError: the worker refuses it.
        """
        run_id = context.dagster_run.run_id
        try:
            answer = send_request(load_settings().home, Launch(run_id))
        except LadderError:
            mark = self._start(run_id)
        else:
            if not answer.is_ok:
                raise DagsterLaunchFailedError(answer.message)  # type: ignore[no-untyped-call]
            mark = answer.message
        self._instance.add_run_tags(run_id, {WORKER_TAG: mark})

    def terminate(self, run_id: str) -> bool:
        """Cancel a run; false when it is over or no process executes it."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        with suppress(LadderError):
            if send_request(load_settings().home, Terminate(run_id)).is_ok:
                return True
        return self._interrupt(run)

    def dispose(self) -> None:
        """Cancel the runs whose processes this one has started, and wait until these are gone."""
        children, self._children = self._children, {}
        for run_id, child in children.items():
            run = self._instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                # Otherwise Dagster takes it for a crash, and the next daemon tries the run again.
                self._instance.report_run_canceling(run)
            child.request_stop()
        for run_id, child in children.items():
            child.stop()
            cancel_unfinished(self._instance, run_id)

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

    def _start(self, run_id: str) -> str:
        """Execute a run in a process of its own; returns the mark of the process."""
        home = load_settings().home
        is_on_its_own = not is_held(home)
        child = ManagedProcess(
            "runs", ["orchestration.worker.server", run_id], home / "logs", is_detached=is_on_its_own
        )
        if not is_on_its_own:
            # `exit_code` also takes in what has ended meanwhile.
            self._children = {key: one for key, one in self._children.items() if one.exit_code is None}
            self._children[run_id] = child
        return process_identity(child.pid)

    def _interrupt(self, run: DagsterRun) -> bool:
        """Interrupt the process that executes this run and no other."""
        mark = run.tags.get(WORKER_TAG, "")
        if not mark or not is_alive(mark):
            return False
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(mark.partition("@")[0]))
            if run.run_id not in process.cmdline():
                return False
            process.terminate()
        deadline = time.monotonic() + _INTERRUPTED_S
        while run.status == DagsterRunStatus.STARTING and time.monotonic() < deadline:
            if not is_alive(mark):
                cancel_unfinished(self._instance, run.run_id)
                break
            time.sleep(_POLL_S)
        return True
