"""Child processes of the worker: one for each run that only syncs sources."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable

__all__ = ["RunProcesses"]


class RunProcesses:
    """Processes that each execute one run. They end with their run, on a signal, or with this process."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, run_id: str) -> int:
        """Execute a run in a new process, and return its process id."""
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration.processes.exit_with_parent", "orchestration.worker.server", run_id],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._processes[run_id] = process
        threading.Thread(target=self._reap, args=(run_id, process), daemon=True).start()
        return process.pid

    def interrupt(self, run_id: str) -> bool:
        """Interrupt the process of a run; false if there is none."""
        process = self._processes.get(run_id)
        if process is None:
            return False
        process.send_signal(signal.SIGINT)
        return True

    def interrupt_all(self, before_each: Callable[[str], None]) -> list[str]:
        """Interrupt all processes, wait until they have ended, and return the ids of their runs.

        Args:
            before_each: called with the id of a run before its process is interrupted.
        """
        processes = dict(self._processes)  # the threads that reap them change the original
        for run_id, process in processes.items():
            before_each(run_id)
            process.send_signal(signal.SIGINT)
        for process in processes.values():
            process.wait()
        return list(processes)

    def _reap(self, run_id: str, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._processes.pop(run_id, None)
