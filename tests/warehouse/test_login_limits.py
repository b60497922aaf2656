"""Logins keep their settings and passwords, and cannot exceed their limits."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import timedelta

import psycopg
import pytest
from psycopg import conninfo

from tests.conftest import Database
from warehouse.core.errors import DatabaseError
from warehouse.database.connections import connect, role_url
from warehouse.database.login_limits import missing_limits, terminate_long_sessions, watch_logins
from warehouse.database.role_names import LoginRole
from warehouse.schema.migrate import migrate

_WRITABLE = "-c default_transaction_read_only=off"
_LIMIT_S = 15.0


@pytest.fixture(scope="module")
def embedded(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Database]:
    """A database as on an embedded server, which only the warehouse uses."""
    with create_database() as database:
        settings = database.settings.model_copy(update={"database_url": None})
        migrate(settings, database.admin_url, [])
        yield database


@pytest.fixture
def tampered(database: Database) -> Iterator[Database]:
    """A warehouse whose analyst has changed its password and settings; they are reset at the end."""
    with psycopg.connect(database.url("analyst"), autocommit=True, options=_WRITABLE) as connection:
        name = connection.info.user
        for change in (
            "PASSWORD 'another'",
            "SET statement_timeout = 0",
            "RESET search_path",
            "IN DATABASE ladder SET work_mem = '1GB'",
        ):
            connection.execute(f"ALTER ROLE {name} {change}".encode())
    try:
        yield database
    finally:
        migrate(database.settings, database.admin_url, [])


def test_changes_of_a_login_by_itself_are_detected_and_reset(tampered: Database) -> None:
    with pytest.raises(DatabaseError, match="run `ladder doctor`, which resets the passwords"):
        connect(tampered.url("analyst"))
    assert migrate(tampered.settings, tampered.admin_url, []) == [
        "the password of ladder_analyst was changed or belongs to another home",
        "settings or limits of ladder_analyst differed from those of this version",
    ]
    with connect(tampered.url("analyst")) as connection:
        for setting, value in {"statement_timeout": "15min", "search_path": "marts", "work_mem": "32MB"}.items():
            assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == (value,)
    assert migrate(tampered.settings, tampered.admin_url, []) == []


def test_a_changed_password_is_reset_in_the_background(tampered: Database) -> None:
    with watch_logins(tampered.settings, tampered.admin_url, interval_s=0.1):
        assert _becomes_true(lambda: _can_connect(tampered.url("analyst")))


def test_an_analyst_cannot_use_all_connections(database: Database) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(psycopg.connect(database.url("analyst")))
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            psycopg.connect(database.url("analyst"))
        # At its connection limit, the password is not considered changed.
        assert migrate(database.settings, database.admin_url, []) == []


def test_sessions_that_last_too_long_are_terminated_whatever_their_settings(database: Database) -> None:
    with (
        psycopg.connect(database.url("analyst")) as long,
        psycopg.connect(database.url("analyst"), autocommit=True) as waiting,
        psycopg.connect(database.url("serving")) as other,
        psycopg.connect(database.admin_url, autocommit=True) as admin,
    ):
        waiting.execute("SELECT 1")
        for connection in (long, other):
            connection.execute("SET idle_in_transaction_session_timeout = 0")
        assert terminate_long_sessions(admin, "") == 0
        time.sleep(0.2)
        assert terminate_long_sessions(admin, "", idle_limit=timedelta(seconds=0.1)) == 1
        with pytest.raises(psycopg.errors.AdminShutdown):
            long.execute("SELECT 1")
        waiting.execute("SELECT 1")
        other.execute("SELECT 1")
        running = threading.Thread(target=_sleep, args=(database.url("analyst"),))
        running.start()
        limit = timedelta(seconds=0.1)
        assert _becomes_true(lambda: terminate_long_sessions(admin, "", transaction_limit=limit) == 1)
        running.join(_LIMIT_S)
        assert not running.is_alive()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'stored')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_xact_lock_shared(1, 2)",
        "SELECT pg_logical_emit_message(false, 'a', 'b')",
        "CREATE TEMPORARY TABLE mine (n int)",
        "SET temp_file_limit = -1",
    ],
)
@pytest.mark.parametrize("role", ["analyst", "serving"])
def test_on_an_embedded_server_a_reader_cannot_store_data(embedded: Database, role: LoginRole, statement: str) -> None:
    with (
        psycopg.connect(embedded.url(role), options=_WRITABLE) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_missing_limits_on_another_server_are_listed(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection:
        for statement in (
            "GRANT EXECUTE ON FUNCTION lo_create(oid), pg_advisory_lock(bigint) TO PUBLIC",
            "GRANT TEMPORARY ON DATABASE test_database TO PUBLIC".replace("test_database", connection.info.dbname),
            "ALTER ROLE ladder_analyst RESET temp_file_limit",
        ):
            connection.execute(statement.encode())
        everything = ["large objects", "advisory locks", "temporary tables", "temporary files of any size"]
        assert missing_limits(connection, "") == everything
        connection.rollback()


def test_a_password_is_not_sent_to_a_server_that_requests_clear_text(database: Database) -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(_LIMIT_S)
        thread = threading.Thread(target=_want_clear_password, args=(listening, received))
        thread.start()
        port = listening.getsockname()[1]
        url = conninfo.make_conninfo(database.admin_url, host="127.0.0.1", port=port, sslmode="disable")
        with pytest.raises(DatabaseError):
            connect(role_url(database.settings, url, "analyst"))
        thread.join(_LIMIT_S)
    assert received == [b""]


def _sleep(url: str) -> None:
    with suppress(psycopg.errors.AdminShutdown), psycopg.connect(url, options="-c statement_timeout=0") as connection:
        connection.execute("SELECT pg_sleep(60)")


def _want_clear_password(listening: socket.socket, received: list[bytes]) -> None:
    client, _ = listening.accept()
    with client:
        client.settimeout(_LIMIT_S)
        client.recv(4096)
        client.sendall(b"R\x00\x00\x00\x08\x00\x00\x00\x03")
        received.append(client.recv(4096))


def _can_connect(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def _becomes_true(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False
