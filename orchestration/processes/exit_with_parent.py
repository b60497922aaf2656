"""Run a module as a program that exits with its parent process.

    python -m orchestration.processes.exit_with_parent dagster_webserver --port 3000

The parent holds the other end of standard input. When it closes the pipe or dies, however it dies, the program receives
SIGTERM.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

__all__ = ["main"]


def main() -> None:
    """Run the module that the arguments name, like `python -m`."""
    threading.Thread(target=_terminate_when_input_closes, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _terminate_when_input_closes() -> None:
    # Not through sys.stdin, whose lock this thread would hold while the interpreter shuts down.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
