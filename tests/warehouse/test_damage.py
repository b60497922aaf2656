"""Every change of a published mart by hand is detected; changes by builds or PostgreSQL are not damage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest

from orchestration.dbt.sessions import session_name
from tests.conftest import Database
from warehouse.core.errors import PublicationError
from warehouse.database.connections import connect
from warehouse.publication.damage import damaged_marts, dbt_sessions_ended
from warehouse.publication.generations import current_generation
from warehouse.publication.plan import begin_build, build_session, plan_build, record_build
from warehouse.publication.promote import promote, restore_views, rollback

MARTS = ("ranks", "scores")


@pytest.fixture(scope="module")
def published(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Database]:
    """Two generations: the live one in blue, the previous one in green."""
    with create_database() as database:
        for colour in ("blue", "green", "blue"):
            _publish(database, colour)
        yield database


def _publish(database: Database, colour: str) -> None:
    with build_session(database.url("transform")) as connection:
        plan = plan_build(connection, models_digest="m", as_of_date=None)
        assert plan.colour == colour
        begin_build(connection, plan, is_full=False)
        with psycopg.connect(database.admin_url) as owner:
            owner.execute("SET ROLE ladder_marts_owner")
            for mart in MARTS:
                owner.execute(f"CREATE TABLE IF NOT EXISTS marts_{colour}.{mart} (player text PRIMARY KEY, value int)")
                owner.execute(
                    f"INSERT INTO marts_{colour}.{mart} SELECT n, n FROM generate_series(1, 3) AS n "
                    "ON CONFLICT DO NOTHING"
                )
        _until(lambda: _written(database, colour) == 3 * len(MARTS))
        record_build(connection, plan, as_of_date=None)
        promote(connection, plan.colour, MARTS)


def _written(database: Database, colour: str) -> int:
    with connect(database.admin_url, autocommit=True) as admin:
        row = admin.execute(
            "SELECT sum(n_tup_ins) FROM pg_stat_all_tables WHERE schemaname = %s", [f"marts_{colour}"]
        ).fetchone()
    return int(row[0] or 0) if row else 0


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def _rolled_back(database: Database, statements: str) -> Iterator[psycopg.Connection]:
    """A transaction with some statements, which is rolled back."""
    with connect(database.admin_url, autocommit=True) as admin, admin.transaction(force_rollback=True):
        admin.execute(statements.encode())
        yield admin


def _found(connection: psycopg.Connection, colour: str | None = None) -> list[tuple[str, str]]:
    return [(mart.mart, mart.problem) for mart in damaged_marts(connection, colour)]


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        ("DROP VIEW marts.scores", "view_missing"),
        ("CREATE OR REPLACE VIEW marts.scores AS SELECT player, value FROM marts_green.scores", "view_changed"),
        ("CREATE OR REPLACE VIEW marts.scores AS SELECT player, value FROM marts_blue.scores LIMIT 2", "view_changed"),
        ("ALTER VIEW marts.scores RENAME COLUMN value TO score", "view_changed"),
        ("ALTER VIEW marts.scores RENAME TO other", "view_missing"),
        ("DROP TABLE marts_blue.scores CASCADE", "table_missing"),
        ("ALTER TABLE marts_blue.scores RENAME TO scores__dbt_backup", "table_missing"),
        ("ALTER TABLE marts_blue.scores SET SCHEMA prep", "table_missing"),
        # The statements with which dbt rebuilds a table.
        (
            "CREATE TABLE marts_blue.fresh (LIKE marts_blue.scores INCLUDING ALL); "
            "DROP TABLE marts_blue.scores CASCADE; ALTER TABLE marts_blue.fresh RENAME TO scores",
            "table_replaced",
        ),
        ("ALTER TABLE marts_blue.scores RENAME COLUMN value TO score", "columns_changed"),
        ("ALTER TABLE marts_blue.scores ADD COLUMN more int", "columns_changed"),
        ("ALTER TABLE marts_blue.scores ALTER COLUMN value SET NOT NULL", "columns_changed"),
        ("DROP VIEW marts.scores; ALTER TABLE marts_blue.scores ALTER COLUMN value TYPE bigint", "columns_changed"),
        ("TRUNCATE marts_blue.scores", "emptied"),
    ],
)
def test_a_change_of_a_published_mart_is_detected(published: Database, statements: str, problem: str) -> None:
    with _rolled_back(published, statements) as connection:
        assert _found(connection) == [("scores", problem)]


@pytest.mark.parametrize(
    "statements",
    [
        "ANALYZE marts_blue.scores",
        "GRANT SELECT ON marts.scores, marts_blue.scores TO ladder_ingest",
        "COMMENT ON COLUMN marts.scores.value IS 'the value'",
        "CREATE INDEX ON marts_blue.scores (value)",
        "DROP TABLE marts_green.scores",
        "SELECT pg_stat_reset()",
        # The state after an upgrade of PostgreSQL, and in a restored copy.
        "UPDATE ops.published_marts SET view_digest = '15:other', table_oid = 1",
    ],
)
def test_statements_that_change_no_published_row_or_column_are_not_damage(published: Database, statements: str) -> None:
    with _rolled_back(published, statements) as connection:
        assert _found(connection) == []


def test_a_table_rewritten_by_maintenance_is_not_damaged(published: Database) -> None:
    with connect(published.admin_url, autocommit=True) as admin:
        admin.execute("VACUUM FULL marts_blue.scores")
        assert _found(admin) == []


def test_a_publication_during_a_check_is_not_damage(database: Database) -> None:
    """The view of one mart is replaced repeatedly, that of the other dropped and recreated."""
    for colour in ("blue", "green"):
        _publish(database, colour)
    with connect(database.admin_url, autocommit=True) as admin:
        admin.execute("ALTER TABLE marts_blue.scores ADD COLUMN more int")
    is_over = threading.Event()
    found = set()

    def look() -> int:
        looks = 0
        with connect(database.url("serving"), autocommit=True) as connection:
            while not is_over.is_set():
                found.update(_found(connection))
                looks += 1
        return looks

    with ThreadPoolExecutor(2) as threads, build_session(database.url("transform")) as connection:
        for colour in ("blue", "green"):
            promote(connection, colour, MARTS)
        looking = [threads.submit(look) for _ in range(2)]
        try:
            for colour in ("blue", "green") * 20:
                promote(connection, colour, MARTS)
        finally:
            is_over.set()
        assert min(one.result() for one in looking) > 40
    assert found == set()


def test_a_view_recreated_by_hand_during_a_check_is_not_an_error(published: Database) -> None:
    is_over = threading.Event()

    def remake() -> None:
        with connect(published.admin_url, autocommit=True) as admin:
            while not is_over.is_set():
                with admin.transaction():
                    admin.execute("SET LOCAL ROLE ladder_marts_owner")
                    admin.execute("DROP VIEW marts.scores")
                    admin.execute("CREATE VIEW marts.scores AS SELECT player, value FROM marts_blue.scores")
                time.sleep(0.02)

    with ThreadPoolExecutor(1) as threads, connect(published.url("ingest"), autocommit=True) as connection:
        remaking = threads.submit(remake)
        try:
            assert [found for _ in range(400) if (found := _found(connection))] == []
        finally:
            is_over.set()
        remaking.result()
    with connect(published.admin_url, autocommit=True) as admin:
        admin.execute("GRANT SELECT ON marts.scores TO ladder_analyst, ladder_developer, ladder_serving")


def test_rows_are_counted_after_the_sessions_of_dbt_have_ended(published: Database) -> None:
    url = published.url("transform")
    with connect(url, autocommit=True) as looking:
        with psycopg.connect(url, application_name=session_name()):
            assert not dbt_sessions_ended(looking)
        assert dbt_sessions_ended(looking)


def test_every_login_of_commands_and_the_api_may_check_for_damage(published: Database) -> None:
    for role in ("ingest", "transform", "serving"):
        with connect(published.url(role)) as connection:  # type: ignore[arg-type]
            assert _found(connection) == []


def test_a_view_is_repaired_without_a_build(published: Database) -> None:
    with connect(published.admin_url, autocommit=True) as admin:
        admin.execute("DROP VIEW marts.scores")
    with build_session(published.url("transform")) as connection:
        (damage,) = damaged_marts(connection)
        assert damage.is_view_only
        live = current_generation(connection)
        assert live is not None
        restored = restore_views(connection, live)
        assert restored.confirmed_at == live.confirmed_at
        assert (restored.colour, restored.generation) == ("blue", live.generation + 1)
        assert damaged_marts(connection) == []
    with connect(published.url("analyst")) as analyst:
        assert analyst.execute("SELECT count(*) FROM scores").fetchone() == (3,)


def test_rows_written_outside_a_build_are_detected_once_they_are_counted(published: Database) -> None:
    """Last but one, since counters cannot be rolled back."""
    with connect(published.url("transform")) as other:
        other.execute("SET ROLE ladder_marts_owner")
        other.execute("UPDATE marts_blue.ranks SET value = 0 WHERE player = '1'")
    with connect(published.admin_url, autocommit=True) as admin:
        _until(lambda: _found(admin) == [("ranks", "rows_changed")])
        (damage,) = damaged_marts(admin)
        assert damage.is_readable
        # After a crash of PostgreSQL the counters restart, so that changes are unknown and not damage.
        admin.execute("SELECT pg_stat_reset()")
        assert _found(admin) == []


def test_a_rollback_to_a_damaged_generation_is_rejected(published: Database) -> None:
    with connect(published.admin_url, autocommit=True) as admin:
        assert _found(admin, "green") == []
        admin.execute("TRUNCATE marts_green.scores")
        assert _found(admin, "green") == [("scores", "emptied")]
        assert _found(admin) == []
    with (
        build_session(published.url("transform")) as connection,
        pytest.raises(PublicationError, match="scores: its rows were removed"),
    ):
        rollback(connection, MARTS)
