"""Locks: readers block no load, build or migration, and a waiting command names the sessions that hold the lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress

import psycopg
import pytest
from psycopg import sql

from tests.conftest import Database
from tests.warehouse.probe_source import SOURCE, page
from warehouse.database.connections import connect
from warehouse.database.locks import share_build_lock
from warehouse.database.role_names import LoginRole
from warehouse.lake.files import Lake
from warehouse.publication.plan import build_session
from warehouse.schema.migrate import migrate
from warehouse.staging.load import load_pending

_LIMIT_S = 20
_MODES = ("ACCESS SHARE", "ROW SHARE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE")
_RELATIONS = """
SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v') AND n.nspname ~ '^(ops|staging_|marts|prep|public)'
"""
#: Advisory locks that earlier versions used.
_ADVISORY = [
    *(f"pg_advisory_lock({key})" for key in (0x1ADDE2, 0x1ADDE3)),
    f"pg_advisory_lock({0x1ADDE4}, hashtext('probe'))",
]


@pytest.mark.parametrize("reader", ["analyst", "serving", "developer"])
def test_a_reader_that_holds_every_possible_lock_blocks_no_work(
    database: Database, lake: Lake, reader: LoginRole
) -> None:
    migrate(database.settings, database.admin_url, [SOURCE])
    lake.land(SOURCE, "scores", [page("scores", [{"game": 1, "points": 5}])])

    def work() -> None:
        migrate(database.settings, database.admin_url, [SOURCE])
        load_pending(database.url("ingest"), lake, SOURCE)
        with build_session(database.url("transform")):
            pass

    with psycopg.connect(database.url(reader), options="-c default_transaction_read_only=off") as connection:
        for statement in [*(sql.SQL(f"SELECT {call}") for call in _ADVISORY), *_locking(database)]:
            with suppress(psycopg.Error), connection.transaction():
                connection.execute(statement)
        assert _ends(work)


def test_a_wait_for_a_lock_is_reported_after_two_seconds_with_the_holders(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    with connect(database.url("ingest")) as waiting:
        with build_session(database.url("transform")):
            waiter = threading.Thread(target=share_build_lock, args=(waiting,))
            waiter.start()
            waiter.join(2.5 + _LIMIT_S / 10)
            assert waiter.is_alive()
        waiter.join(_LIMIT_S)
        assert not waiter.is_alive()
    output = capfd.readouterr().err
    assert output.startswith("waiting for a build: building with ")
    assert f"ladderhouse {os.getpid()}@" in output


def test_a_short_wait_is_not_reported(database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    with build_session(database.url("transform")):
        pass
    with connect(database.url("ingest")) as waiting:
        share_build_lock(waiting)
    assert capfd.readouterr().err == ""


def _locking(database: Database) -> list[sql.Composed]:
    with connect(database.admin_url) as connection:
        relations = connection.execute(_RELATIONS).fetchall()
    tables = [sql.Identifier(*relation) for relation in relations]
    return [
        *(
            sql.SQL("LOCK TABLE {} IN {} MODE NOWAIT").format(table, sql.SQL(mode))
            for table in tables
            for mode in _MODES
        ),
        *(sql.SQL("SELECT FROM {} FOR UPDATE NOWAIT").format(table) for table in tables),
    ]


def _ends(work: Callable[[], None]) -> bool:
    """Whether work ends in time; a thread that hangs ends with its sessions."""
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(_LIMIT_S)
    return not worker.is_alive()
