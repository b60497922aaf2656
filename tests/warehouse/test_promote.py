"""Promise 6 for the marts: all views are promoted to a generation together, or none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date

import psycopg
import pytest

from tests.conftest import Database
from warehouse.core.errors import PublicationError
from warehouse.database.connections import connect, role_url
from warehouse.publication.generations import Colour, current_generation
from warehouse.publication.plan import Build, begin_build, build_session, plan_build, record_build
from warehouse.publication.promote import promote, rollback
from warehouse.schema.migrate import migrate

MARTS = ("scores", "totals")


@pytest.fixture
def transform_url(database: Database) -> str:
    migrate(database.settings, database.admin_url, [])
    return role_url(database.settings, database.admin_url, "transform")


@pytest.fixture
def connection(transform_url: str) -> Iterator[psycopg.Connection]:
    with connect(transform_url, autocommit=True) as opened:
        yield opened


def _plan(colour: Colour, batch_id: int) -> Build:
    return Build(
        colour=colour,
        as_of_date=None,
        head_batch_id=batch_id,
        inputs_digest="digest",
        models_digest="models",
        is_needed=True,
        is_full=False,
    )


def _build(connection: psycopg.Connection, colour: Colour, value: int, extra: str = "") -> None:
    plan = _plan(colour, value)
    begin_build(connection, plan, is_full=False)
    with connection.transaction():
        connection.execute("SET LOCAL ROLE ladder_marts_owner")
        for mart in MARTS:
            connection.execute(f"DROP TABLE IF EXISTS marts_{colour}.{mart} CASCADE")
            connection.execute(f"CREATE TABLE marts_{colour}.{mart} AS SELECT {value} AS value {extra}")
            connection.execute(f"COMMENT ON COLUMN marts_{colour}.{mart}.value IS 'the value of {mart}'")
    record_build(connection, plan, as_of_date=date(2026, 1, value))


def _values(connection: psycopg.Connection) -> list[int]:
    with connection.transaction():
        connection.execute("SET LOCAL ROLE ladder_marts_owner")
        return [connection.execute(f"SELECT value FROM marts.{mart}").fetchone()[0] for mart in MARTS]


def test_a_promotion_shows_the_new_colour_under_the_next_number(connection: psycopg.Connection) -> None:
    assert current_generation(connection) is None
    for number, colour in enumerate(("blue", "green", "blue"), start=1):
        _build(connection, colour, number)
        generation = promote(connection, colour, MARTS)
        assert (generation.generation, generation.colour) == (number, colour)
        assert generation.as_of_date == date(2026, 1, number)
        assert _values(connection) == [number, number]
    assert current_generation(connection) == generation


def test_readers_never_see_marts_of_different_generations(connection: psycopg.Connection, database: Database) -> None:
    _build(connection, "blue", 1)
    _build(connection, "green", 2)
    promote(connection, "blue", MARTS)
    analyst = role_url(database.settings, database.admin_url, "analyst")
    seen: set[tuple[int, ...]] = set()
    stop = threading.Event()

    def read() -> None:
        with connect(analyst, autocommit=True) as reader:
            while not stop.is_set():
                seen.add(reader.execute("SELECT s.value, t.value FROM marts.scores s, marts.totals t").fetchone())

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(40):
        promote(connection, "green" if number % 2 == 0 else "blue", MARTS)
    stop.set()
    for reader in readers:
        reader.join()
    assert seen == {(1, 1), (2, 2)}


def test_columns_may_change_with_a_generation_and_grants_and_comments_are_kept(
    connection: psycopg.Connection, database: Database
) -> None:
    _build(connection, "blue", 1)
    promote(connection, "blue", MARTS)
    _build(connection, "green", 2, ", 'x'::text AS more")
    promote(connection, "green", MARTS)
    with connect(role_url(database.settings, database.admin_url, "analyst")) as analyst:
        assert analyst.execute("SELECT value, more FROM scores").fetchone() == (2, "x")
        assert analyst.execute("SELECT col_description('marts.scores'::regclass, 1)").fetchone() == (
            "the value of scores",
        )


def test_a_missing_mart_prevents_the_promotion(connection: psycopg.Connection) -> None:
    _build(connection, "blue", 1)
    promote(connection, "blue", MARTS)
    _build(connection, "green", 2)
    connection.execute("SET ROLE ladder_marts_owner")
    connection.execute("DROP TABLE marts_green.totals")
    connection.execute("RESET ROLE")
    with pytest.raises(PublicationError, match="marts_green lacks totals"):
        promote(connection, "green", MARTS)
    assert _values(connection) == [1, 1]


def test_the_view_of_a_removed_mart_is_dropped(connection: psycopg.Connection) -> None:
    _build(connection, "blue", 1)
    promote(connection, "blue", MARTS)
    promote(connection, "blue", ["scores"])
    views = connection.execute("SELECT viewname FROM pg_views WHERE schemaname = 'marts'").fetchall()
    assert views == [("scores",)]


def test_a_rollback_gets_a_new_number_and_is_rejected_once_its_colour_was_overwritten(
    connection: psycopg.Connection,
) -> None:
    _build(connection, "blue", 1)
    first = promote(connection, "blue", MARTS)
    with pytest.raises(PublicationError, match="no earlier generation"):
        rollback(connection, MARTS)
    _build(connection, "green", 2)
    promote(connection, "green", MARTS)
    rolled_back = rollback(connection, MARTS)
    assert rolled_back.generation == 3
    # It contains no data that was loaded after the first generation.
    assert rolled_back.confirmed_at == first.confirmed_at
    assert _values(connection) == [1, 1]
    _build(connection, "green", 4)
    with pytest.raises(PublicationError, match="overwritten"):
        rollback(connection, MARTS)


def test_a_rollback_is_rejected_once_a_build_has_begun_even_if_it_failed(connection: psycopg.Connection) -> None:
    _build(connection, "blue", 1)
    promote(connection, "blue", MARTS)
    _build(connection, "green", 2)
    promote(connection, "green", MARTS)
    begin_build(connection, _plan("blue", 3), is_full=False)
    with pytest.raises(PublicationError, match="overwritten"):
        rollback(connection, MARTS)


def test_no_build_starts_after_an_unfinished_replay(connection: psycopg.Connection, database: Database) -> None:
    with connect(database.admin_url) as admin:
        admin.execute("INSERT INTO ops.replays (source) VALUES ('opendota')")
    with pytest.raises(PublicationError, match="the replay of opendota was not finished"):
        plan_build(connection, models_digest="m1", as_of_date=None)


def test_a_promotion_waits_for_a_long_reader_without_blocking_others(
    connection: psycopg.Connection, database: Database
) -> None:
    _build(connection, "blue", 1)
    _build(connection, "green", 2)
    promote(connection, "blue", MARTS)
    analyst = role_url(database.settings, database.admin_url, "analyst")
    with connect(analyst) as long_reader:
        long_reader.execute("SELECT * FROM scores")
        promoting = threading.Thread(target=promote, args=(connection, "green", MARTS))
        promoting.start()
        with connect(analyst, autocommit=True) as other:
            other.execute("SET statement_timeout = '3s'")
            assert other.execute("SELECT value FROM scores").fetchone() == (1,)
        long_reader.rollback()
        promoting.join(30)
    assert _values(connection) == [2, 2]


def test_a_build_is_needed_only_after_a_change(transform_url: str) -> None:
    with build_session(transform_url) as connection:
        plan = plan_build(connection, models_digest="m1", as_of_date=None)
        assert (plan.colour, plan.is_needed, plan.is_full) == ("blue", True, True)
        begin_build(connection, plan, is_full=True)
        for mart in MARTS:
            connection.execute("SET ROLE ladder_marts_owner")
            connection.execute(f"CREATE TABLE marts_blue.{mart} AS SELECT 1 AS value")
            connection.execute("RESET ROLE")
        record_build(connection, plan, as_of_date=None)
        promote(connection, "blue", MARTS)
        assert not plan_build(connection, models_digest="m1", as_of_date=None).is_needed
        assert plan_build(connection, models_digest="m2", as_of_date=None).is_needed
        assert plan_build(connection, models_digest="m1", as_of_date=date(2026, 1, 1)).is_needed
        # A killed full build may have removed relations that both colours share.
        begin_build(connection, plan_build(connection, models_digest="m1", as_of_date=None), is_full=True)
        killed = plan_build(connection, models_digest="m1", as_of_date=None)
        assert (killed.is_needed, killed.is_full) == (True, True)
