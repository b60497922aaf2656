"""What PostgreSQL runs out of ends in one line that says what to do, whoever talked to it."""

from __future__ import annotations

from contextlib import closing

import psycopg
import psycopg2
import pytest

from tests.conftest import Database
from warehouse.core.errors import DatabaseError
from warehouse.database.connections import connect
from warehouse.database.error_messages import SERVER_UNAVAILABLE, hint_for, to_database_error

#: What a server says when it has run out of something, as it is raised by one.
_RUN_OUT = [
    ("53100", 'could not extend file "base/5/16": No space left on device', "no space left", "free some space"),
    ("53200", "out of memory", "out of memory", "memory"),
    ("53300", "sorry, too many clients already", "no connection left", "max_connections"),
    # The same SQLSTATEs, and something else to do.
    ("53100", 'could not resize shared memory segment "/PostgreSQL.1": No space left on device', "shared", "/dev/shm"),
    ("53200", "out of shared memory", "locks", "max_locks_per_transaction"),
    ("53300", 'too many connections for role "ladder_analyst"', "no connection left", "sessions of this login"),
]


@pytest.mark.parametrize(("state", "said", "what", "advice"), _RUN_OUT)
def test_what_has_run_out_is_named_with_what_to_do_for_each_driver(
    database: Database, state: str, said: str, what: str, advice: str
) -> None:
    statement = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = '{said}'; END $$"
    with psycopg.connect(database.admin_url) as ours, pytest.raises(psycopg.OperationalError) as raised:
        ours.execute(statement.encode())
    with closing(psycopg2.connect(database.admin_url)) as dagsters, pytest.raises(psycopg2.Error) as again:
        dagsters.cursor().execute(statement)
    for error in (raised.value, again.value):
        line = str(to_database_error(error, SERVER_UNAVAILABLE))
        assert what in line
        assert said in line
        assert advice in line
        assert "\n" not in line
    # dbt passes on the text alone.
    assert advice in (hint_for(f"Database Error in model dim_players {said} HINT: two lines") or "")


def test_a_session_that_finds_no_place_is_told_so(database: Database) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE nobody_else LOGIN PASSWORD 'known' CONNECTION LIMIT 0")
        url = psycopg.conninfo.make_conninfo(database.admin_url, user="nobody_else", password="known")
        try:
            with pytest.raises(DatabaseError, match="other sessions of this login"):
                connect(url)
        finally:
            admin.execute("DROP ROLE nobody_else")


def test_other_errors_keep_their_own_advice(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection, pytest.raises(psycopg.Error) as raised:
        connection.execute("SELECT nothing")
    assert str(to_database_error(raised.value, ("it was refused", "ask otherwise"))) == (
        'it was refused: column "nothing" does not exist; ask otherwise'
    )
    assert hint_for("the test failed (3 rows)") is None
