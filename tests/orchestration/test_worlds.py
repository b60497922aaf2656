"""A home has data of one world: no source of another world is requested, whichever addresses are set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg

from ingestion.sources.opendota.source import SOURCE
from sandbox.server import Sandbox, serve
from sandbox.world import World
from tests.conftest import Database
from tests.orchestration.conftest import CommandLine, Filled, Proxy
from warehouse.lake.files import Lake
from warehouse.model.source import Page


@contextmanager
def without_address(filled: Filled) -> Iterator[CommandLine]:
    """The command line of the shared warehouse without LADDER_OPENDOTA_URL; addresses set by commands are removed."""
    environment = {name: value for name, value in filled.ladder.environment.items() if name != "LADDER_OPENDOTA_URL"}
    try:
        yield CommandLine(environment, filled.ladder.directory)
    finally:
        with psycopg.connect(filled.database.admin_url) as connection:
            connection.execute("DELETE FROM ops.upstreams")


def land(lake: Lake) -> None:
    lake.land(SOURCE, "hero_stats", [Page("hero_stats", "/heroStats", {}, 200, datetime.now(UTC), b"[]")])


def test_a_simulated_home_never_requests_the_real_api(filled: Filled, proxy: Proxy) -> None:
    with without_address(filled) as ladder:
        for command in (["run"], ["doctor"]):
            ended = ladder(*command, **proxy.environment)
            assert ended.code == 1
            output = ended.errors + ended.output
            assert "the simulated world sandbox-11-40-60-" in output
            assert "https://api.opendota.com/api is the real opendota; nothing was requested there" in output
        # There the nickname belongs to another player.
        faceit = {"LADDER_FACEIT_KEY": "a-key", "LADDER_FACEIT_URL": "https://open.faceit.com/data/v4/"}
        assert (
            "nothing was requested" in ladder("track", "faceit", "player", "Ann", **faceit, **proxy.environment).errors
        )
    assert proxy.connections == 0


def test_a_home_of_the_real_world_loads_nothing_from_a_simulated_api(
    database: Database, ladder: CommandLine, sandbox: Sandbox, lake: Lake
) -> None:
    assert ladder("track", "opendota", "player", "7").code == 0
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("INSERT INTO ops.world (world) VALUES ('real')")
    land(lake)
    sandbox.requests.clear()
    ended = ladder("doctor", LADDER_OPENDOTA_URL=sandbox.url)
    assert ended.code == 1
    assert f"holds data of the real world, and {sandbox.url} is the simulated world {sandbox.world.id}" in ended.output
    assert sandbox.requests.count == 0


def test_the_same_world_at_another_address_is_requested_and_another_world_is_not(filled: Filled) -> None:
    with without_address(filled) as ladder, serve(World(seed=11, players=40, days=60)) as moved:
        # A home records its world and not the address, so the variable is sufficient.
        assert ladder("doctor", LADDER_OPENDOTA_URL=moved.url).code == 0
        ended = ladder("upstream", "set", "opendota", moved.url)
        assert (ended.code, f"world: {moved.world.id}" in ended.output) == (0, True), ended.errors
        assert f"{moved.url} responds" in ladder("doctor").output
        listed = ladder("upstream", "list").output
        assert listed.splitlines()[0] == f"world: {moved.world.id}"
        assert moved.url in listed
        with serve(World(seed=12, players=5, days=5)) as other:
            ended = ladder("upstream", "set", "opendota", other.url)
            assert (ended.code, len(ended.error_lines)) == (1, 1)
            assert other.world.id in ended.error_lines[0]
            assert "nothing was requested" in ladder("run", LADDER_OPENDOTA_URL=other.url).errors
            assert other.requests.count == 0
        ended = ladder("upstream", "set", "opendota", "https://api.opendota.com/api")
        assert (ended.code, "the real opendota" in ended.error_lines[0]) == (1, True)
    assert (
        ladder("upstream", "set", "opendota", "ftp://127.0.0.1").error_lines[0].startswith("error: LADDER_OPENDOTA_URL")
    )


def test_a_database_and_a_lake_of_different_worlds_are_rejected(
    database: Database, ladder: CommandLine, sandbox: Sandbox, lake: Lake
) -> None:
    land(lake)
    (lake.root / "world.txt").write_text("real\n")
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("INSERT INTO ops.world (world) VALUES (%s)", [sandbox.world.id])
    ended = ladder("doctor", LADDER_OPENDOTA_URL=sandbox.url)
    assert ended.code == 1
    assert "LADDER_LAKE_URL" in ended.output


def test_an_empty_home_can_change_its_world(
    database: Database, ladder: CommandLine, sandbox: Sandbox, lake: Lake
) -> None:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("INSERT INTO ops.world (world) VALUES ('real')")
    ladder("doctor", LADDER_OPENDOTA_URL=sandbox.url)
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute("SELECT world FROM ops.world").fetchone() == (sandbox.world.id,)
    assert (lake.root / "world.txt").read_text() == f"{sandbox.world.id}\n"
