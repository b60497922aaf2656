"""Migrations are applied in order and once, and fail with one line without privileges."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace as with_changes
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from tests.conftest import Database
from tests.warehouse.probe_source import NAMES, SCORES, SOURCE
from warehouse.core.errors import DatabaseError
from warehouse.core.settings import Settings
from warehouse.database.connections import connect, role_url
from warehouse.database.role_names import LoginRole
from warehouse.embedded import running
from warehouse.model.source import Endpoint, Source
from warehouse.model.tables import Column, Table
from warehouse.schema.migrate import migrate


def test_migrations_apply_once(database: Database) -> None:
    for _ in range(2):
        migrate(database.settings, database.admin_url, [SOURCE])
    with connect(database.admin_url) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM ladder_migrations ORDER BY applied_at, name")]
    assert names == sorted(set(names))
    assert len(names) >= 2


def test_a_new_column_of_a_definition_is_added_and_rows_are_kept(database: Database) -> None:
    migrate(database.settings, database.admin_url, [SOURCE])
    wider = Table(NAMES.source, NAMES.name, NAMES.key, (*NAMES.columns, Column("age", "integer", "age")), "wider")
    migrate(database.settings, database.admin_url, [_source(wider)])
    with connect(database.admin_url) as connection:
        connection.execute("SELECT age FROM staging_probe.names")
        connection.execute("SELECT age FROM staging_probe.names__feed")


def test_a_column_of_another_type_is_rejected_with_one_line(database: Database) -> None:
    migrate(database.settings, database.admin_url, [SOURCE])
    columns = tuple(
        with_changes(column, type="text") if column.name == "points" else column for column in SCORES.columns
    )
    with pytest.raises(DatabaseError, match=r"staging_probe\.scores\.points is integer, expected text"):
        migrate(database.settings, database.admin_url, [_source(Table("probe", "scores", SCORES.key, columns, ""))])


def test_the_error_for_a_login_without_privileges_names_the_grants(database: Database) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS powerless")
        connection.execute("CREATE ROLE powerless LOGIN PASSWORD 'powerless'")
    url = conninfo.make_conninfo(database.admin_url, user="powerless", password="powerless")
    with pytest.raises(DatabaseError, match=r"powerless lacks privileges.*GRANT CREATE ON DATABASE"):
        migrate(database.settings, url, [SOURCE])


def test_an_administrator_without_superuser_can_set_up_a_warehouse(database: Database) -> None:
    """On a separate server, since the roles of the session's server belong to its superuser."""
    home = Path(tempfile.mkdtemp(prefix="ladder-admin-"))
    home.chmod(0o755)
    try:
        with running(Settings(home=home), redis=False) as servers:
            with psycopg.connect(servers.database_url, autocommit=True) as connection:
                connection.execute("CREATE ROLE manager LOGIN CREATEROLE PASSWORD 'manager'")
                connection.execute("CREATE DATABASE managed OWNER manager")
            url = conninfo.make_conninfo(servers.database_url, user="manager", password="manager", dbname="managed")
            settings = Settings(home=home)
            for _ in range(2):
                migrate(settings, url, [SOURCE])
            connect(role_url(settings, url, "analyst")).close()
            # With another name, and in a home without its role suffix, the database gets new roles.
            with psycopg.connect(servers.database_url, autocommit=True) as connection:
                connection.execute("ALTER DATABASE managed RENAME TO moved")
            url = conninfo.make_conninfo(url, dbname="moved")
            (home / "secrets" / "roles.json").unlink()
            for _ in range(2):
                migrate(settings, url, [SOURCE])
            with connect(role_url(settings, url, "ingest")) as connection:
                assert connection.info.user == "ladder_ingest_moved"
                connection.execute("INSERT INTO staging_probe.scores__feed SELECT * FROM staging_probe.scores__feed")
            with psycopg.connect(url) as connection:
                left = connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE '%managed'").fetchall()
            assert left == []
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_an_unreachable_server_is_one_line_without_the_password() -> None:
    with pytest.raises(DatabaseError) as caught:
        connect("postgresql://someone:secret@127.0.0.1:1/nowhere")
    assert "cannot connect to PostgreSQL at 127.0.0.1:1/nowhere" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.fixture(scope="module")
def shared_database(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Database]:
    with create_database() as database:
        migrate(database.settings, database.admin_url, [SOURCE])
        yield database


@pytest.mark.parametrize(
    ("role", "query"),
    [
        ("analyst", "SELECT * FROM staging_probe.scores"),
        ("analyst", "SELECT * FROM ops.cursors"),
        ("analyst", "CREATE TABLE marts.mine (a integer)"),
        ("analyst", "SET ROLE ladder_owner"),
        ("serving", "SELECT * FROM staging_probe.scores"),
        ("serving", "CREATE TABLE public.mine (a integer)"),
        ("ingest", "CREATE TABLE staging_probe.mine (a integer)"),
        ("ingest", "SET ROLE ladder_marts_owner"),
        ("transform", "DELETE FROM staging_probe.scores"),
    ],
)
def test_a_role_has_no_further_privileges(shared_database: Database, role: LoginRole, query: str) -> None:
    with (
        connect(shared_database.url(role)) as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)),
    ):
        connection.execute(query)


def _source(table: Table) -> Source:
    from warehouse.staging.decode import decode_records

    endpoint = Endpoint(table.name, (table,), lambda page: decode_records(table, page.body, page.params))
    return Source("probe", {**SOURCE.endpoints, table.name: endpoint})
