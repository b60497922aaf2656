"""Run PostgreSQL's tools and the servers as the account of the home, through `launcher.py`."""

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
    """Run a program to its end with `text` as input; returns its exit code and what it said.

    Args:
        home: whose account runs it.
        command: program and arguments.
        folder: where it works.
        lock: descriptor of the start lock, which stays held while the program runs, even when we are killed.
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
            "see whether the disk is busy and try again",
        ) from None
    _raise_for(done.returncode, home, command)
    return done.returncode, done.stdout


def launch_server(
    home: Home, command: Sequence[str | Path], *, folder: Path, pid_file: int, port: int, log: Path
) -> None:
    """Start a server in a session of its own.

    Args:
        home: whose account runs it.
        command: program and arguments.
        folder: where it works.
        record: descriptor of its locked record file, which receives pid and port.
        port: for the record.
        log: file that its standard output and error are appended to.
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
    # PG* variables, locale and LD_* of the caller must not reach the servers.
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _raise_for(code: int, home: Home, command: Sequence[str | Path]) -> None:
    program = Path(command[0])
    if code == launcher.CANNOT_SWITCH_USER:
        raise user_switch_error(home.server_account)
    if code == launcher.CANNOT_ACCESS:
        raise ConfigurationError(
            f"user id {home.server_account.uid}, which takes the place of root, cannot enter {home.path}"
            f" or cannot run {program}",
            "set LADDER_HOME to a directory that every user can enter, and install ladder where every user can"
            " read it (chmod -R go+rX)",
        )
