"""The entry point of `ladder`: it runs a command and turns errors into one line and an exit code."""

from __future__ import annotations

import gc
import os
import sys

from orchestration.cli.commands import app
from warehouse.core.control_characters import escape_control_characters
from warehouse.core.errors import ConfigurationError, LadderError

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> int:
    """Run a command; whatever ends it becomes an exit code and at most one line."""
    # Importing Dagster and dbt creates millions of objects that are never freed. Repeated collections over them would
    # take a seventh of the import time.
    gc.set_threshold(100_000)
    error_code = 2 if sys.argv[1:2] == ["verify"] else 1
    try:
        _prepare_user()
        code = app(standalone_mode=False)
    except LadderError as error:
        sys.stderr.write(f"error: {error}\n")
        return error_code
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has closed it. Nothing more can be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f" at {error.filename}" if error.filename else ""
        line = f"{(error.strerror or str(error)).lower()}{place}; make room or grant access there"
        sys.stderr.write(f"error: {escape_control_characters(line)}\n")
        return error_code
    except Exception as error:
        return _handle_expected(error, error_code)
    if code == _INTERRUPTED:
        sys.stderr.write("interrupted\n")
    return code if isinstance(code, int) else 0


def _prepare_user() -> None:
    """Make new files private to their owner, and switch from root to the owner of the home."""
    from warehouse.core.file_modes import drop_privileges_to_owner, set_private_umask
    from warehouse.core.settings import load_settings

    set_private_umask()
    if os.geteuid() == 0:
        try:
            home = load_settings().home
        except ConfigurationError:
            return  # the command reports it when it loads the settings
        drop_privileges_to_owner(home)


def _handle_expected(error: Exception, error_code: int) -> int:
    """Write the line of an error that the user can fix, and return the exit code. Other errors are bugs and are raised.

    Expected are invalid usage, and a database that is down, is full, or denies a right.
    """
    if "psycopg" in sys.modules:
        from psycopg import OperationalError
        from psycopg.errors import InsufficientPrivilege

        from warehouse.database.error_messages import SERVER_UNAVAILABLE, to_database_error

        if isinstance(error, OperationalError | InsufficientPrivilege):
            sys.stderr.write(f"error: {to_database_error(error, SERVER_UNAVAILABLE)}\n")
            return error_code
    if "sqlalchemy" in sys.modules:
        from sqlalchemy.exc import OperationalError as StorageError

        from warehouse.database.error_messages import SERVER_UNAVAILABLE, to_database_error

        if isinstance(error, StorageError):
            sys.stderr.write(f"error: {to_database_error(error.orig, SERVER_UNAVAILABLE)}\n")
            return error_code
    show = getattr(error, "show", None)
    if show is None:
        raise error
    show()
    return int(getattr(error, "exit_code", 2))
