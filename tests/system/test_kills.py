"""Promise 2, with kill -9: killed at any point and started again, the result equals that of an uninterrupted run.

Most points are not timed: a lock held by the test, a request without a response or a paused cache stops the run at the
point, and then it is killed.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from psycopg import sql

from ingestion.registry import connectors
from sandbox.faceit import KEY
from sandbox.faceit.truth import truth as faceit_truth
from sandbox.faults import Faults
from sandbox.server import Sandbox, serve
from sandbox.upstream import Upstream
from sandbox.world import World
from tests.conftest import Database
from tests.system.faceit_truth import assert_matches_are_true
from tests.system.pipeline import marts_of
from warehouse.database.connections import connect
from warehouse.ops.state import track

SEED = 4
PLAYERS = 4
DEADLINE_S = 120.0
CONCURRENT_REQUESTS = 8


@dataclass
class Killed:
    """A warehouse whose runs are killed repeatedly, and its upstreams.

    Args:
        database: its database and home.
        sandbox: its upstreams.
        stages: the points at which runs were killed, in order.
    """

    database: Database
    sandbox: Sandbox
    stages: list[str] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        """Start a run in its own process group."""
        environment = {
            **self.database.environment,
            "LADDER_OPENDOTA_URL": self.sandbox.url,
            "LADDER_OPENDOTA_MATCH_BUDGET": "1000",
            "LADDER_FACEIT_URL": self.sandbox.faceit_url,
            "LADDER_FACEIT_KEY": KEY,
            "LADDER_FACEIT_MATCH_BUDGET": "1000",
        }
        command = [str(Path(sys.executable).with_name("ladder")), "run"]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )

    def run(self) -> None:
        """Run to the end."""
        process = self.start()
        output, _ = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, output.decode()

    def kill_when(self, stage: str, is_reached: Callable[[], bool]) -> None:
        """Start a run and kill it with SIGKILL once it has reached a stage."""
        process = self.start()
        deadline = time.monotonic() + DEADLINE_S
        try:
            while not is_reached():
                if process.poll() is not None:
                    output = process.stdout.read() if process.stdout else b""
                    raise AssertionError(f"{stage}: the run ended before that: {output.decode()}")
                assert time.monotonic() < deadline, f"{stage}: never reached"
                time.sleep(0.002)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout:
                process.stdout.close()
        self.stages.append(stage)
        sys.stdout.write(f"{len(self.stages)}: killed at {stage}\n")


@contextmanager
def _locked(database: Database, relation: str) -> Iterator[Callable[[], bool]]:
    """Lock a relation against writes; yields a function that returns whether a session waits for it."""
    schema, name = relation.split(".")
    with psycopg.connect(database.admin_url) as holder, psycopg.connect(database.admin_url, autocommit=True) as watcher:
        holder.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.Identifier(schema, name)))

        def has_waiter() -> bool:
            query = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
            row = watcher.execute(query, [relation]).fetchone()
            return bool(row and row[0])

        yield has_waiter
        holder.rollback()


def _idle_colour(database: Database) -> str:
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute("SELECT colour FROM ops.generations ORDER BY generation DESC LIMIT 1").fetchone()
    return "green" if row and row[0] == "blue" else "blue"


def _lake_files(database: Database) -> int:
    return sum(1 for _ in Path(database.settings.lake_path).rglob("*.parquet"))


def _kill_at_lock(killed: Killed, stage: str, relation: str) -> None:
    with _locked(killed.database, relation) as has_waiter:
        killed.kill_when(f"{stage}: {relation}", has_waiter)


def _kill_at_request(killed: Killed, upstream: Upstream, number: int) -> None:
    upstream.log.clear()
    upstream.set_faults(Faults(schedule={number: "hang"}, hang_s=DEADLINE_S, tries=1))
    killed.kill_when(f"fetch: request {number}", lambda: any(entry.fault == "hang" for entry in upstream.log.entries))
    upstream.set_faults(Faults())


def _kill_at_files(killed: Killed, number: int) -> None:
    before = _lake_files(killed.database)
    killed.kill_when(f"land: {number} files", lambda: _lake_files(killed.database) >= before + number)


def _kill_at_cache(killed: Killed) -> None:
    url = killed.database.settings.redis_url
    assert url is not None
    generations = _generations(killed.database)
    with redis.Redis.from_url(url.get_secret_value()) as cache:
        cache.execute_command("CLIENT", "PAUSE", int(DEADLINE_S * 1000), "WRITE")
        try:
            killed.kill_when("publish: cache", lambda: _generations(killed.database) > generations)
        finally:
            cache.execute_command("CLIENT", "UNPAUSE")


def _generations(database: Database) -> int:
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute("SELECT count(*) FROM ops.generations").fetchone()
    return int(row[0]) if row else 0


def _kill_after(killed: Killed, seconds: float) -> None:
    kill_at = time.monotonic() + seconds
    killed.kill_when(f"after {seconds:.1f} s", lambda: time.monotonic() >= kill_at)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_killed_at_any_point_and_started_again_the_result_equals_an_uninterrupted_run(
    create_database: Callable[[], AbstractContextManager[Database]],
) -> None:
    world = World(seed=SEED, players=60, days=12)
    chance = random.Random(SEED)
    with serve(world) as sandbox, create_database() as database, create_database() as reference:
        killed = Killed(database, sandbox)
        uninterrupted = Killed(reference, sandbox)
        sandbox.faceit.world.catch_up()
        accounts = [str(account) for account in sandbox.world.suggested_players(60)]
        faceit_players = sandbox.faceit.world.suggested_players(60)
        for each in (database, reference):
            _track(each, "opendota", accounts[:PLAYERS])
        for number in (2, 9, 14, 20):
            _kill_at_request(killed, sandbox.opendota, number)
        _assert_only_what_was_in_flight_is_fetched_again(killed)
        for each in (database, reference):
            _track(each, "faceit", faceit_players[:PLAYERS])
        for number in (3, 8, 30):
            _kill_at_request(killed, sandbox.faceit, number)
        killed.run()
        uninterrupted.run()
        # After this step all open results are known. Then the clock of the world stops: otherwise responses would
        # depend on the time of the request.
        sandbox.advance(days=2)
        steps: list[Callable[[], None]] = [
            lambda: _kill_at_lock(killed, "merge", "staging_opendota.player_matches__feed"),
            killed.run,  # Both colours exist before a build is killed.
            lambda: _kill_at_files(killed, 1),
            lambda: _kill_at_files(killed, 3),
            lambda: _kill_at_lock(killed, "load", "staging_opendota.player_matches"),
            lambda: _kill_at_lock(killed, "load", "staging_opendota.match_players"),
            lambda: _kill_at_lock(killed, "load", "staging_faceit.history_matches"),
            lambda: _kill_at_lock(killed, "load", "staging_faceit.player_match_stats"),
            lambda: _kill_at_lock(killed, "load", "staging_faceit.match_round_players"),
            lambda: _kill_at_lock(killed, "commit", "ops.batches"),
            lambda: _kill_at_lock(killed, "commit", "ops.lake_files"),
            lambda: _kill_at_lock(killed, "commit", "ops.lake_pages"),
            lambda: _kill_at_lock(killed, "commit", "ops.cursors"),
            lambda: _kill_at_lock(killed, "build", "ops.build_inputs"),
            lambda: _kill_at_lock(killed, "dbt", "ops.watermarks"),
            lambda: _kill_at_lock(killed, "dbt", f"marts_{_idle_colour(database)}.rank_progression"),
            lambda: _kill_at_lock(killed, "dbt", f"marts_{_idle_colour(database)}.leaderboard_entries"),
            lambda: _kill_at_lock(killed, "dbt", f"marts_{_idle_colour(database)}.fct_player_matches"),
            lambda: _kill_at_lock(killed, "dbt", f"marts_{_idle_colour(database)}.fct_faceit_player_maps"),
            lambda: _kill_at_lock(killed, "dbt", f"marts_{_idle_colour(database)}.bridge_player_identities"),
            lambda: _kill_at_lock(killed, "publish", "ops.build_state"),
            lambda: _kill_at_lock(killed, "publish", "ops.generations"),
            lambda: _kill_at_cache(killed),
            *(lambda seconds=seconds: _kill_after(killed, seconds) for seconds in _delays(chance, 5)),
        ]
        for account, player, step in zip(accounts[PLAYERS:], faceit_players[PLAYERS:], steps, strict=False):
            # Each step has new data, which could be lost.
            for each in (database, reference):
                _track(each, "opendota", [account])
                _track(each, "faceit", [player])
            step()
        killed.run()
        uninterrupted.run()
        assert len(killed.stages) >= 33
        found, expected = _everything(database), _everything(reference)
        assert [name for name in expected if found[name] != expected[name]] == []
        _assert_faceit_is_true(database, sandbox)


def _delays(chance: random.Random, count: int) -> list[float]:
    return [chance.uniform(1.0, 6.0) for _ in range(count)]


def _track(database: Database, source: str, players: list[str]) -> None:
    with connect(database.url("ingest")) as connection:
        track(connection, source, "player", players)


def _assert_faceit_is_true(database: Database, sandbox: Sandbox) -> None:
    def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(database.admin_url) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[arg-type]  # text of the tests

    tracked = rows("SELECT id FROM ops.tracked WHERE source = 'faceit' AND kind = 'player'")
    expected = faceit_truth(sandbox.faceit.world, [player for (player,) in tracked])
    # Ranks are not compared: they are not due again within the minutes of this test.
    assert_matches_are_true(rows, expected)


def _assert_only_what_was_in_flight_is_fetched_again(killed: Killed) -> None:
    """After a kill during a sync, the next run repeats at most the requests that were in flight.

    Streams whose sync had ended are synced again, as in every run.
    """
    entries = killed.sandbox.requests.entries
    hung = next(entry.path for entry in entries if entry.fault == "hang")
    requested = {entry.path for entry in entries if _shape(entry.path) == _shape(hung)}
    killed.sandbox.requests.clear()
    killed.run()
    again = [entry.path for entry in killed.sandbox.requests.entries if entry.path in requested]
    assert len(again) <= CONCURRENT_REQUESTS, again


def _shape(path: str) -> str:
    """A path without its ids, which is the same for all requests of a stream."""
    return re.sub(r"\d+", "#", path)


def _everything(database: Database) -> dict[str, Any]:
    """Staging and marts, without observation timestamps."""
    found: dict[str, Any] = {}
    with connect(database.url("ingest")) as connection:
        for table in (table for reader in connectors().values() for table in reader.source.tables):
            if table.name in ("player_ranks", "player_elos"):  # an observation each time the profile is read
                continue
            columns = sql.SQL(", ").join(map(sql.Identifier, [*table.column_names, "_deleted_at"]))
            order = sql.SQL(", ").join(map(sql.Identifier, table.key))
            query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(columns, table.identifier, order)
            found[str(table)] = connection.execute(query).fetchall()
    with connect(database.url("analyst")) as connection:
        found.update(marts_of(connection))
    del found["fct_rank_observations"]
    return found
