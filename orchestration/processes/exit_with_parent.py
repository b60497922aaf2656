"""Run a module as a program that ends with whoever started it.

    python -m orchestration.processes.exit_with_parent dagster_webserver --port 3000

Standard input is the tether: it closes when the starter closes it or dies, however he dies; the program gets SIGTERM.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

__all__ = ["main"]


def main() -> None:
    """Run the module that the arguments name, as `python -m` would."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_input() -> None:
    # Not sys.stdin: its lock would be held by this thread while the interpreter ends.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
