"""Run PostgreSQL's tools and the servers as the servers' account, through `launcher.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from warehouse.core.errors import ConfigurationError, LadderError
from warehouse.embedded import launcher
from warehouse.embedded.home import Account, Home, user_switch_error

__all__ = ["launch_server", "run_tool"]

TOOL_TIMEOUT_S = 120.0


def run_tool(home: Home, command: Sequence[str | Path], *, folder: Path, lock: int, text: str = "") -> tuple[int, str]:
    """Run a program to its end with `text` as input; returns its exit code and its output.

    Args:
        home: the home, which determines the account.
        command: program and arguments.
        folder: its working directory.
        lock: descriptor of the start lock, which the program holds even if this process is killed.
        text: its standard input.
    """
    try:
        done = subprocess.run(
            _command(home, "run", -1, 0, folder=folder, command=command),
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=_environment(),
            pass_fds=(lock,),
            start_new_session=True,
            timeout=TOOL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LadderError(
            f"{Path(command[0]).name} took longer than {TOOL_TIMEOUT_S:.0f} s",
            "check whether the disk is busy and try again",
        ) from None
    _raise_for(done.returncode, home, command)
    return done.returncode, done.stdout


def launch_server(
    home: Home, command: Sequence[str | Path], *, folder: Path, pid_file: int, port: int, log: Path
) -> None:
    """Start a server in a session of its own.

    Args:
        home: the home, which determines the account.
        command: program and arguments.
        folder: its working directory.
        pid_file: descriptor of its locked pid file, into which the launcher writes pid and port.
        port: the port for the pid file.
        log: file to which standard output and error are appended.
    """
    with open(log, "a", encoding="utf-8") as output:
        home.chown(log, home.owner_account)
        done = subprocess.run(
            _command(home, "serve", pid_file, port, folder=folder, command=command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_environment(),
            pass_fds=(pid_file,),
            start_new_session=True,
            check=False,
        )
    _raise_for(done.returncode, home, command)


def _command(home: Home, mode: str, *fields: int, folder: Path, command: Sequence[str | Path]) -> list[str | Path]:
    account = home.server_account if os.geteuid() == 0 else Account(-1, -1)
    fields = (account.uid, account.gid, *fields)
    return [sys.executable, "-I", "-S", launcher.__file__, mode, *map(str, fields), folder, *command]


def _environment() -> dict[str, str]:
    # The servers must not inherit PG* variables, locale and LD_* of the caller.
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _raise_for(code: int, home: Home, command: Sequence[str | Path]) -> None:
    program = Path(command[0])
    if code == launcher.CANNOT_SWITCH_USER:
        raise user_switch_error(home.server_account)
    if code == launcher.CANNOT_ACCESS:
        raise ConfigurationError(
            f"user id {home.server_account.uid}, which runs the servers for root, cannot enter {home.path}"
            f" or cannot run {program}",
            "set LADDER_HOME to a directory that every user can enter, and install ladder where every user can"
            " read it (chmod -R go+rX)",
        )
