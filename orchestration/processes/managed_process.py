"""Processes that a command starts, watches and ends again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from orchestration.processes.log_rotation import rotate_when_large

__all__ = ["ManagedProcess", "run_in_foreground"]

_PATIENCE_S = 20.0


#: Processes that go on by themselves, for as long as this process does.
_outliving: list[subprocess.Popen[bytes]] = []


def run_in_foreground(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program in this terminal to its end; its exit code.

    Ctrl-C is the program's to handle, which cancels what it does. A signal that ends this process ends it too.
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
    """A module that runs as a process of its own, in a session of its own so that Ctrl-C reaches only its starter.

    Leaving the context closes its standard input, which tells it to end, and waits; one that does not is killed.

    Args:
        name: the name of its log, where its output goes.
        module: the module, and its arguments.
        logs: directory of logs; a log that has grown is rotated first.
        is_tethered: whether the module itself watches its standard input.
        outlives_starter: whether it goes on when its starter ends.
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
        with suppress(OSError):  # a full disk, or a link to elsewhere, keeps no process from starting
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
            # No process waits for it; the next start reaps those that are over.
            _outliving[:] = [*(one for one in _outliving if one.poll() is None), self._process]

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def request_stop(self) -> None:
        """Close its standard input."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()

    def __enter__(self) -> ManagedProcess:
        """It runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.stop()

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self.request_stop()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
