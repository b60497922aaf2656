"""Processes that a command starts, monitors and stops."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from warehouse.core.log_rotation import rotate_when_large

__all__ = ["ManagedProcess", "run_in_foreground"]

_STOP_TIMEOUT_S = 20.0


#: Detached processes, which this process reaps.
_detached: list[subprocess.Popen[bytes]] = []


def run_in_foreground(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program in the foreground of this terminal, and return its exit code.

    The program handles Ctrl-C itself. Any other signal that ends this process also ends the program.
    """
    with subprocess.Popen(arguments, env=environment) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
            except BaseException:
                process.terminate()
                raise


class ManagedProcess:
    """A module that runs as a child process, in its own session, so that Ctrl-C reaches only the parent.

    Leaving the context closes the process's standard input, which requests its exit, and waits; after a timeout it is
    killed.

    Args:
        name: name of its log, to which its output is appended.
        module: the module and its arguments.
        logs: directory of logs; a log over the size limit is rotated first.
        watches_stdin: whether the module itself exits when its standard input closes; others are run through
            `exit_with_parent`.
        is_detached: whether it continues after its parent exits.
    """

    def __init__(
        self,
        name: str,
        module: Sequence[str],
        logs: Path,
        *,
        watches_stdin: bool = False,
        is_detached: bool = False,
    ) -> None:
        self.log = logs / f"{name}.log"
        logs.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # a full disk or a link does not prevent the start
            rotate_when_large(self.log)
        prefix = [] if watches_stdin or is_detached else ["orchestration.processes.exit_with_parent"]
        with self.log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *prefix, *module],
                stdin=subprocess.DEVNULL if is_detached else subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        if is_detached:
            # Nothing waits for it; the next start reaps those that have exited.
            _detached[:] = [*(one for one in _detached if one.poll() is None), self._process]

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code; None while it runs."""
        return self._process.poll()

    def request_stop(self) -> None:
        """Request its exit by closing its standard input, without waiting."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()

    def __enter__(self) -> ManagedProcess:
        """The process is already running."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    def stop(self) -> None:
        """Stop it and wait until it has exited; after a timeout it is killed."""
        self.request_stop()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
