"""An exhausted resource of PostgreSQL ends in one line with a hint, for every driver."""

from __future__ import annotations

from contextlib import closing

import psycopg
import psycopg2
import pytest

from tests.conftest import Database
from warehouse.core.errors import DatabaseError
from warehouse.database.connections import connect
from warehouse.database.error_messages import SERVER_UNAVAILABLE, hint_for, to_database_error

#: Messages of a server about exhausted resources: SQLSTATE, message, parts of our message and of the hint.
_EXHAUSTED = [
    ("53100", 'could not extend file "base/5/16": No space left on device', "no space left", "free some space"),
    ("53200", "out of memory", "out of memory", "memory"),
    ("53300", "sorry, too many clients already", "no connection left", "max_connections"),
    # The same SQLSTATEs with other hints.
    ("53100", 'could not resize shared memory segment "/PostgreSQL.1": No space left on device', "shared", "/dev/shm"),
    ("53200", "out of shared memory", "locks", "max_locks_per_transaction"),
    ("53300", 'too many connections for role "ladder_analyst"', "no connection left", "sessions of this login"),
]


@pytest.mark.parametrize(("state", "message", "summary", "hint"), _EXHAUSTED)
def test_an_exhausted_resource_is_named_with_a_hint_for_each_driver(
    database: Database, state: str, message: str, summary: str, hint: str
) -> None:
    statement = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = '{message}'; END $$"
    with psycopg.connect(database.admin_url) as ours, pytest.raises(psycopg.OperationalError) as raised:
        ours.execute(statement.encode())
    with closing(psycopg2.connect(database.admin_url)) as dagsters, pytest.raises(psycopg2.Error) as again:
        dagsters.cursor().execute(statement)
    for error in (raised.value, again.value):
        line = str(to_database_error(error, SERVER_UNAVAILABLE))
        assert summary in line
        assert message in line
        assert hint in line
        assert "\n" not in line
    # dbt only passes on the text.
    assert hint in (hint_for(f"Database Error in model dim_players {message} HINT: two lines") or "")


def test_a_login_at_its_connection_limit_is_reported_with_a_hint(database: Database) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE nobody_else LOGIN PASSWORD 'known' CONNECTION LIMIT 0")
        url = psycopg.conninfo.make_conninfo(database.admin_url, user="nobody_else", password="known")
        try:
            with pytest.raises(DatabaseError, match="other sessions of this login"):
                connect(url)
        finally:
            admin.execute("DROP ROLE nobody_else")


def test_other_errors_have_the_fallback_hint(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute("SELECT nothing")
    assert str(to_database_error(raised.value, ("the query failed", "correct it"))) == (
        'the query failed: column "nothing" does not exist; correct it'
    )
    assert hint_for("the test failed (3 rows)") is None
