"""A sync ends within seconds of a signal, however the upstream behaves, and keeps the fetched pages."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

import psycopg
import pytest

from tests.conftest import Database
from tests.ingestion.scripted_server import Reply, Server, scripted
from tests.orchestration.conftest import CommandLine
from warehouse.lake.files import Lake

#: Promised limit in seconds.
_WITHIN_S = 5.0
_PLAYERS = 40
_UNRESPONSIVE = Reply(wait_s=600.0)
_DRIPPING = Reply(body=b" ", times=0, pause_s=0.05)


def _slow(path: str) -> Reply:
    account = path.rpartition("/")[2]
    return Reply(body=f'{{"profile": {{"account_id": {account}}}, "rank_tier": 11}}'.encode(), wait_s=0.5)


_REPLIES: dict[str, Callable[[str], Reply]] = {
    "silent": lambda path: _UNRESPONSIVE,
    "drips": lambda path: _DRIPPING,
    "slow": _slow,
    "fails": lambda path: Reply(500, b"{}"),
}


#: Each behaviour of the upstream with each signal. Cases that only the long tests run take the same path in our code.
_CASES = [
    pytest.param(
        reply,
        number,
        id=f"{name}-{number.name}",
        marks=() if (name, number) in (("silent", signal.SIGINT), ("slow", signal.SIGTERM)) else pytest.mark.long,
    )
    for name, reply in _REPLIES.items()
    for number in (signal.SIGINT, signal.SIGTERM)
]


@pytest.mark.parametrize(("reply", "number"), _CASES)
def test_a_signal_ends_a_run_during_a_sync(
    database: Database,
    ladder: CommandLine,
    reply: Callable[[str], Reply],
    number: signal.Signals,
    patience: float,
) -> None:
    assert ladder("track", "opendota", "player", *map(str, range(1, _PLAYERS + 1))).code == 0

    async def scenario() -> tuple[float, int, str, Server]:
        async with scripted(lambda path, times: reply(path)) as server:
            url = {"LADDER_OPENDOTA_URL": server.url}
            command = await asyncio.to_thread(ladder.start, "run", "--only", "players", **url)
            deadline = time.monotonic() + 100
            while len(server.requests) < (12 if reply is _slow else 1):  # the process has to start first
                assert (command.poll(), time.monotonic() < deadline) == (None, True)
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.3)
            requests = len(server.requests)
            started = time.monotonic()
            os.kill(command.pid, number)
            try:
                _, errors = await asyncio.to_thread(command.communicate, timeout=60)
            finally:
                command.kill()
            duration = time.monotonic() - started
            assert len(server.requests) <= requests + 8, "the sync continued"
            return duration, command.returncode, errors.decode(), server

    duration, returned, errors, server = asyncio.run(scenario())
    assert (returned, "Traceback" in errors) == (128 + number, False), errors
    assert duration <= _WITHIN_S * patience, errors
    with psycopg.connect(database.admin_url) as connection:
        retries = connection.execute(
            "SELECT count(*) FROM dagster.event_logs WHERE dagster_event_type ~ '^STEP_(UP_FOR_RETRY|RESTARTED)$'"
        ).fetchone()
    assert retries == (0,)
    if reply is _slow:
        lake = Lake(database.settings.lake_path)
        landed = sum(1 for path in lake.files("opendota", "player") for _ in lake.read(path))
        # All but the requests that were in flight.
        assert landed >= sum("/players/" in path for path in server.requests) - 8
