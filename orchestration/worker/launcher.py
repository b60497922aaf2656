"""Dagster's run launcher: runs are executed by the warm worker, or else in a process of their own."""

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

#: A run that is interrupted before its first step ends within this time.
_INTERRUPT_TIMEOUT_S = 5.0
_POLL_S = 0.05


class WarmLauncher(RunLauncher[Any], ConfigurableClass):
    """Sends runs to the worker of the home; without a worker it starts a process for each run.

    Such a process exits with the command that runs the schedules. If there is none, as after `dagster job launch`, the
    process is detached.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._children: dict[str, ManagedProcess] = {}
        super().__init__()  # type: ignore[no-untyped-call]  # not annotated by Dagster, as below

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """Dagster's configuration of this object."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """It has no options."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> WarmLauncher:
        """Constructor for Dagster's configuration."""
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Send a run to the worker, or start a process for it.

        Raises:
            DagsterLaunchFailedError: the worker rejects it.
        """
        run_id = context.dagster_run.run_id
        try:
            response = send_request(load_settings().home, Launch(run_id))
        except LadderError:
            identity = self._start(run_id)
        else:
            if not response.is_ok:
                raise DagsterLaunchFailedError(response.message)  # type: ignore[no-untyped-call]
            identity = response.message
        self._instance.add_run_tags(run_id, {WORKER_TAG: identity})

    def terminate(self, run_id: str) -> bool:
        """Cancel a run; false if it is over or no process executes it."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        with suppress(LadderError):
            if send_request(load_settings().home, Terminate(run_id)).is_ok:
                return True
        return self._interrupt(run)

    def dispose(self) -> None:
        """Cancel the runs in child processes of this one, and wait until the processes have exited."""
        children, self._children = self._children, {}
        for run_id, child in children.items():
            run = self._instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                # Otherwise Dagster would treat it as a crash, and the next daemon would retry the run.
                self._instance.report_run_canceling(run)
            child.request_stop()
        for run_id, child in children.items():
            child.stop()
            cancel_unfinished(self._instance, run_id)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Supported: each run is tagged with the identity of its process."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the process that executes a run is alive; if not, Dagster fails the run."""
        identity = run.tags.get(WORKER_TAG)
        if identity is None:
            return CheckRunHealthResult(WorkerStatus.UNKNOWN)
        if is_alive(identity):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "the process that executed this run has exited")

    def _start(self, run_id: str) -> str:
        """Execute a run in a process of its own, and return the identity of the process."""
        home = load_settings().home
        is_detached = not is_held(home)
        child = ManagedProcess("runs", ["orchestration.worker.server", run_id], home / "logs", is_detached=is_detached)
        if not is_detached:
            # `exit_code` also reaps processes that have exited.
            self._children = {key: one for key, one in self._children.items() if one.exit_code is None}
            self._children[run_id] = child
        return process_identity(child.pid)

    def _interrupt(self, run: DagsterRun) -> bool:
        """Interrupt the process of a run, if it executes no other one."""
        identity = run.tags.get(WORKER_TAG, "")
        if not identity or not is_alive(identity):
            return False
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(int(identity.partition("@")[0]))
            if run.run_id not in process.cmdline():
                return False
            process.terminate()
        deadline = time.monotonic() + _INTERRUPT_TIMEOUT_S
        while run.status == DagsterRunStatus.STARTING and time.monotonic() < deadline:
            if not is_alive(identity):
                cancel_unfinished(self._instance, run.run_id)
                break
            time.sleep(_POLL_S)
        return True
