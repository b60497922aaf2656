"""The analyst's login in other programs: its formats, and the catalogue queries of SQL clients."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from tests.orchestration.conftest import CommandLine, Filled
from tests.orchestration.test_up import processes_of
from warehouse.database.connection_forms import render_connection
from warehouse.database.connections import connection_parameters

#: Queries of SQL clients before they show a tree of objects, from DBeaver, Metabase and psql's `\d`.
_CATALOGUE_QUERIES = [
    "SET extra_float_digits = 3",
    "SET application_name = 'DBeaver'",
    "SHOW search_path",
    "SELECT * FROM pg_catalog.pg_settings WHERE name = 'standard_conforming_strings'",
    "SELECT typcategory FROM pg_catalog.pg_type WHERE 1 <> 1 LIMIT 1",
    "SELECT db.oid, db.* FROM pg_catalog.pg_database AS db WHERE datallowconn AND NOT datistemplate",
    "SELECT n.oid, n.*, d.description FROM pg_catalog.pg_namespace AS n LEFT JOIN pg_catalog.pg_description AS d "
    "ON d.objoid = n.oid AND d.objsubid = 0 AND d.classoid = 'pg_namespace'::regclass",
    "SELECT c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid) "
    "FROM pg_catalog.pg_class AS c LEFT JOIN pg_catalog.pg_description AS d ON d.objoid = c.oid AND d.objsubid = 0 "
    "WHERE c.relnamespace = 'marts'::regnamespace AND c.relkind NOT IN ('i', 'I', 'c')",
    "SELECT c.relname, a.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) AS def, dsc.description "
    "FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON a.attrelid = c.oid "
    "LEFT JOIN pg_catalog.pg_attrdef AS ad ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum "
    "LEFT JOIN pg_catalog.pg_description AS dsc ON c.oid = dsc.objoid AND a.attnum = dsc.objsubid "
    "WHERE c.oid = 'marts.dim_players'::regclass AND NOT a.attisdropped",
    "SELECT pg_catalog.pg_get_viewdef('marts.dim_players'::regclass, true)",
    "SELECT pg_catalog.pg_total_relation_size('marts.dim_players'::regclass)",
    "SELECT * FROM pg_catalog.pg_enum",
    "SELECT * FROM information_schema.tables WHERE table_schema = 'marts'",
    "SELECT has_table_privilege(current_user, 'marts.dim_players', 'SELECT')",
    "SELECT schemaname, viewname, has_any_column_privilege(format('%I.%I', schemaname, viewname), 'select') "
    "FROM pg_catalog.pg_views WHERE has_schema_privilege(schemaname, 'usage')",
    "SELECT * FROM pg_catalog.pg_stat_activity",
    "SET SESSION TIME ZONE 'Europe/Berlin'",
    "BEGIN TRANSACTION READ ONLY; DECLARE c NO SCROLL CURSOR FOR TABLE dim_players; FETCH 10 FROM c; COMMIT",
    "PREPARE p (text) AS SELECT * FROM player_win_rates WHERE game = $1; EXECUTE p ('dota2'); DEALLOCATE p",
    "EXPLAIN (ANALYZE, BUFFERS) TABLE dim_players",
]


def test_the_description_has_the_address_and_not_the_password(filled: Filled) -> None:
    login = connection_parameters(filled.database.url("analyst"))
    ended = filled.ladder("connection")
    assert (ended.code, ended.errors) == (0, "")
    shown = dict(re.findall(r"^(\w+) +(.+)$", ended.output, re.M))
    assert [shown[name] for name in ("host", "port", "database", "user")] == [
        login[name] for name in ("host", "port", "dbname", "user")
    ]
    assert login["password"] not in ended.output
    secrets = filled.database.settings.home / "secrets" / "roles.json"
    assert f"{secrets}" in shown["password"]
    assert login["password"] in secrets.read_text()


def test_variables_for_models_give_dbt_its_own_schema_and_never_the_login_of_builds(filled: Filled) -> None:
    environment = {"LADDER_DEV_SCHEMA": "dev_variables"}
    try:
        ended = filled.ladder("connection", "transform", "--format", "env", **environment)
    finally:
        # Tests that share the database check all of its schemas.
        with psycopg.connect(filled.database.admin_url) as connection:
            owner = connection.execute(
                "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'dev_variables'"
            )
            owners = owner.fetchall()
            connection.execute("DROP SCHEMA IF EXISTS dev_variables")
    assert (ended.code, ended.errors) == (0, "")
    assert owners == [("ladder_developer",)]
    variables = dict(re.findall(r"^export (\w+)=(.*);$", ended.output, re.M))
    assert variables["PGUSER"] == "ladder_developer"
    assert variables["LADDER_DEV_SCHEMA"] == "dev_variables"
    assert {"PGPASSWORD", "DBT_PROJECT_DIR", "DBT_PROFILES_DIR", "DBT_TARGET_PATH", "DBT_LOG_PATH"} <= variables.keys()
    for form in ("url", "dsn", "jdbc"):
        shown = filled.ladder("connection", "transform", "--format", form).output
        assert "ladder_developer" in shown
        assert "ladder_transform" not in shown


def test_any_libpq_program_connects_with_the_variables(filled: Filled) -> None:
    ladder = Path(sys.executable).with_name("ladder")
    program = "import psycopg; print(psycopg.connect().execute('select current_user').fetchone())"
    script = f'eval $({ladder} connection --format env) && {sys.executable} -c "{program}"'
    ended = subprocess.run(["sh", "-c", script], env=filled.ladder.environment, capture_output=True, check=True)
    assert ended.stdout.startswith(b"('ladder_analyst',)")
    assert ended.stderr == b""


def test_a_terminal_shows_the_password_only_on_request(filled: Filled) -> None:
    password = connection_parameters(filled.database.url("analyst"))["password"]
    for arguments, is_shown in ((["--format", "url"], False), (["--password"], True)):
        ours, theirs = pty.openpty()
        command = [Path(sys.executable).with_name("ladder"), "connection", *arguments]
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            ended = subprocess.run(
                command, env=filled.ladder.environment, stdout=theirs, stderr=subprocess.PIPE, check=True
            )
            os.close(theirs)
            output = b""
            try:
                while block := terminal.read(65536):
                    output += block
            except OSError:
                pass  # the other end of the terminal is closed
        assert b"postgresql://ladder_analyst" in output
        assert (password.encode() in output) == is_shown
        assert (b"--password" in ended.stderr) == (not is_shown)


@pytest.mark.parametrize("form", ["sqlalchemy", "url"], ids=["psycopg", "psycopg2"])
def test_sqlalchemy_finds_every_mart_with_its_descriptions(filled: Filled, form: str) -> None:
    url = render_connection(filled.database.url("analyst"), form, with_password=True).strip()  # type: ignore[arg-type]
    engine = sa.create_engine(url)
    try:
        found = sa.inspect(engine)
        assert found.default_schema_name == "marts"
        marts = found.get_view_names("marts")
        assert "player_win_rates" in marts
        kinds = sa.engine.reflection.ObjectKind.VIEW
        comments = found.get_multi_table_comment(schema="marts", kind=kinds)
        assert {name for (_, name), comment in comments.items() if "One row per" in comment["text"]} == set(marts)
        columns = found.get_multi_columns(schema="marts", kind=kinds)
        assert {name for _, name in columns} == set(marts)
        assert [column for each in columns.values() for column in each if not column["comment"]] == []
        table = sa.Table("player_win_rates", sa.MetaData(), autoload_with=engine)
        with engine.connect() as connection:
            query = sa.select(table.c.game, sa.func.count()).where(table.c.game == "dota2").group_by(table.c.game)
            (row,) = connection.execute(query).fetchall()
            assert row[1] > 0
            with pytest.raises(sa.exc.SQLAlchemyError):
                connection.execute(table.delete())
        with engine.connect().execution_options(stream_results=True) as connection:
            rows = connection.execute(sa.text("table fct_player_matches"))
            assert sum(len(part) for part in rows.partitions(100)) > 0
        frame = pl.read_database("table player_win_rates", engine, infer_schema_length=None)
        assert frame.schema["last_played_at"] == pl.Datetime("us", "UTC")
    finally:
        engine.dispose()


def test_catalogue_queries_of_sql_clients_succeed(filled: Filled) -> None:
    with psycopg.connect(filled.database.url("analyst"), autocommit=True) as connection:
        for query in _CATALOGUE_QUERIES:
            connection.execute(query.encode())
        described = connection.execute(
            "SELECT obj_description('marts'::regnamespace), obj_description('dim_players'::regclass)"
        ).fetchone()
        assert described is not None
        assert all(described)


def test_a_session_of_the_analyst_has_its_own_limits_and_days_in_utc(filled: Filled) -> None:
    with psycopg.connect(filled.database.url("analyst"), options="-c statement_timeout=200ms") as connection:
        settings = ("transaction_read_only", "idle_in_transaction_session_timeout", "timezone", "search_path")
        found = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in settings]
        assert found == [("on",), ("5min",), ("UTC",), ("marts",)]
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(5)")
    with psycopg.connect(filled.database.url("analyst")) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("15min",)


def test_a_home_that_was_never_set_up_has_no_login(filled: Filled, tmp_path: Path) -> None:
    ended = filled.ladder("connection", "--format", "env", LADDER_HOME=str(tmp_path))
    assert (ended.code, ended.output, len(ended.error_lines)) == (1, "", 1)
    assert "`ladder run`" in ended.errors


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with its own servers, of which no process may run after the test."""
    with tempfile.TemporaryDirectory(prefix="ladder-test-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
        assert processes_of(path) == []


@pytest.mark.slow
def test_an_embedded_server_keeps_running_on_request_at_a_stable_address(home: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LADDER_")}
    ladder = CommandLine({**environment, "LADDER_HOME": str(home)}, tmp_path)
    assert ladder("track", "opendota", "player", "7").code == 0
    ended = ladder("connection", "--format", "url")
    assert ended.code == 0
    assert "stops with this command" in ended.errors
    assert "`ladder up`" in ended.errors
    url = ended.output.strip()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    keeper = ladder.start("connection", "--format", "url", "--keep")
    try:
        assert keeper.stdout is not None
        assert keeper.stdout.readline().decode().strip() == url
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("ladder_analyst",)
        assert ladder("connection").errors == ""
    finally:
        keeper.send_signal(signal.SIGINT)
        _, errors = keeper.communicate(timeout=60)
    assert "Traceback" not in errors.decode()
