"""A connection pooler works, or is rejected at the first connection with one line."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from tests.conftest import Database
from warehouse.core.errors import DatabaseError
from warehouse.database.connections import connect, connection_parameters
from warehouse.schema.migrate import migrate

_LIMIT_S = 15.0
_CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
{further}
"""

Pooled = Callable[..., AbstractContextManager[str]]


@pytest.fixture
def pooled(database: Database) -> Iterator[Pooled]:
    """Start a PgBouncer in front of the test's database; yields the administrator's URL through it."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("pgbouncer is not installed")
        pytest.skip("pgbouncer is not installed")
    folder = Path(tempfile.mkdtemp(prefix="ladder-pooler-"))

    @contextmanager
    def start(**settings: str) -> Iterator[str]:
        found = connection_parameters(database.admin_url)
        port = _free_port()
        if os.geteuid() == 0:
            settings["user"] = "nobody"
        users = folder / "users"
        users.write_text(f'"{found["user"]}" "{found["password"]}"\n')
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            _CONFIGURATION.format(
                host=found["host"],
                port=found["port"],
                listen_port=port,
                users=users,
                further="\n".join(f"{name} = {value}" for name, value in settings.items()),
            )
        )
        for path in (folder, users, configuration):
            path.chmod(0o755)
        with subprocess.Popen([program, "-q", configuration]) as process:
            try:
                _await_port(port)
                yield conninfo.make_conninfo(database.admin_url, host="127.0.0.1", port=port)
            finally:
                process.terminate()

    yield start
    shutil.rmtree(folder, ignore_errors=True)


def test_a_pooler_in_transaction_mode_is_rejected_at_the_first_connection(database: Database, pooled: Pooled) -> None:
    with pooled(pool_mode="transaction", ignore_startup_parameters="options") as url:
        for _ in range(2):
            with pytest.raises(DatabaseError, match="pooler in transaction mode, which shares sessions; set LADDER_"):
                migrate(database.settings, url, [])


def test_a_pooler_in_transaction_mode_is_rejected_while_other_clients_use_it(pooled: Pooled) -> None:
    with (
        pooled(pool_mode="transaction", ignore_startup_parameters="options") as url,
        psycopg.connect(url) as other,
    ):
        other.execute("SELECT 1")
        with pytest.raises(DatabaseError, match="pooler in transaction mode"):
            connect(url)


def test_a_pooler_that_rejects_startup_parameters_is_named(pooled: Pooled) -> None:
    with (
        pooled(pool_mode="session") as url,
        pytest.raises(DatabaseError, match="rejects the startup parameter"),
    ):
        connect(url)


def test_a_pooler_in_session_mode_works(pooled: Pooled) -> None:
    with pooled(pool_mode="session", ignore_startup_parameters="options") as url, connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_port(port: int) -> None:
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    pytest.fail("pgbouncer did not start")
