"""`/readyz` checks the marts: missing or changed marts are reported, and a check is cheap."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest

from serving.cache.database import Database
from tests.serving.conftest import ApiPair
from tests.serving.http_clients import generation_of, get_together, seconds_until
from warehouse.publication.damage import DAMAGE_QUERY, DamagedMart

MART = "player_win_rates"


@pytest.fixture
def owner(pair: ApiPair) -> Iterator[psycopg.Connection]:
    """A connection of an administrator with all rights on the marts."""
    with psycopg.connect(pair.marts.database.admin_url, autocommit=True) as connection:
        yield connection


def _live(connection: psycopg.Connection) -> str:
    row = connection.execute("SELECT colour FROM ops.generations ORDER BY generation DESC LIMIT 1").fetchone()
    assert row is not None
    return f"marts_{row[0]}"


def test_a_missing_mart_is_reported_until_it_is_published_again(
    pair: ApiPair, api: httpx.Client, owner: psycopg.Connection
) -> None:
    owner.execute(f"DROP VIEW marts.{MART}")
    assert seconds_until(lambda: api.get("/readyz").status_code == 503) < 3
    response = api.get("/readyz")
    error = response.json()["error"]
    assert (error["code"], error["message"]) == ("mart_damaged", f"{MART}: its view is missing")
    assert error["detail"] == [{"mart": MART, "problem": "view_missing"}]
    assert int(response.headers["retry-after"]) > 0
    assert api.get("/healthz").status_code == 200
    generation = pair.publish()
    seconds_until(lambda: api.get("/readyz").json() == {"status": "ready", "generation": generation})


def test_a_view_of_the_other_colour_and_a_changed_column_are_reported(
    api: httpx.Client, owner: psycopg.Connection
) -> None:
    idle = {"marts_blue": "marts_green", "marts_green": "marts_blue"}[_live(owner)]
    (columns,) = owner.execute(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0",
        [f"marts.{MART}"],
    ).fetchone() or ("",)
    owner.execute(f"CREATE OR REPLACE VIEW marts.{MART} AS SELECT {columns} FROM {idle}.{MART}")
    owner.execute(f"ALTER TABLE {_live(owner)}.dim_players ADD COLUMN more text")
    try:
        seconds_until(lambda: api.get("/readyz").status_code == 503)
        problems = {item["mart"]: item["problem"] for item in api.get("/readyz").json()["error"]["detail"]}
        assert problems == {MART: "view_changed", "dim_players": "columns_changed"}
    finally:
        owner.execute(f"ALTER TABLE {_live(owner)}.dim_players DROP COLUMN more")


def test_rows_changed_outside_a_build_are_reported_and_served(api: httpx.Client, owner: psycopg.Connection) -> None:
    with psycopg.connect(owner.info.dsn, password=owner.info.password) as other:
        other.execute(f"UPDATE {_live(owner)}.{MART} SET matches = matches + 1")
    line = f"{MART}: its rows were changed outside a build"
    seconds_until(lambda: api.get("/readyz").json().get("degraded") == [line])
    assert api.get("/readyz").status_code == 200


def test_many_probes_share_one_check_that_takes_milliseconds(pair: ApiPair, owner: psycopg.Connection) -> None:
    def checks() -> int:
        """Number of scans of the table that only the check reads."""
        owner.execute("SELECT pg_stat_clear_snapshot()")
        row = owner.execute(
            "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_all_tables WHERE relname = 'published_marts'"
        ).fetchone()
        return int(row[0]) if row else 0

    before = checks()
    replies = get_together([f"{pair.one}/readyz"] * 200)
    assert {reply.status_code for reply in replies} == {200}
    httpx.get(f"{pair.one}/readyz")
    assert checks() - before <= 5
    plan = owner.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + DAMAGE_QUERY, {"colour": None}).fetchone()
    assert plan is not None
    assert plan[0][0]["Execution Time"] < 200


def test_a_locked_mart_changes_neither_readiness_nor_staleness(pair: ApiPair, api: httpx.Client) -> None:
    generation = generation_of(pair.one)
    with pair.marts.locked(MART):
        # Longer than the interval of checks, and longer than the watcher's timeout.
        until = time.monotonic() + 4
        while time.monotonic() < until:
            assert api.get("/readyz").json() == {"status": "ready", "generation": generation}
            assert "warning" not in api.get("/api/v1/leaderboards?limit=1").headers
            time.sleep(0.1)


def test_promotions_during_checks_leave_a_process_ready(pair: ApiPair) -> None:
    """Promotions replace views and recreate one; checks run more often than those of `/readyz`."""
    pair.marts.change_idle(f"ALTER TABLE {MART} ADD COLUMN more text")
    try:
        for _ in range(2):
            pair.marts.promote()
        url = pair.marts.database.url("serving")
        checks = asyncio.run(_checks_while(url, lambda: [pair.marts.promote() for _ in range(40)]))
    finally:
        pair.marts.change_idle(f"ALTER TABLE {MART} DROP COLUMN IF EXISTS more")
    # After a check without a result, the last result stays valid.
    assert [damaged for damaged in checks if damaged] == []
    assert sum(damaged == [] for damaged in checks) > 40


async def _checks_while(url: str, work: Callable[[], object]) -> list[list[DamagedMart] | None]:
    """Results of checks while other work runs."""
    database = Database(url)
    await database.open()
    try:
        working = asyncio.create_task(asyncio.to_thread(work))
        found = []
        while not working.done():
            found.append(await database.damaged())
        await working
    finally:
        await database.close()
    return found
