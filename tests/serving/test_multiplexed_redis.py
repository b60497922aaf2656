"""Commands share a Redis connection without mixing replies, even if the connection fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from serving.cache.multiplexed_redis import MultiplexedRedis
from tests.conftest import Database
from tests.serving.conftest import redis_url
from tests.serving.proxies import Proxy


@asynccontextmanager
async def connected(url: str, timeout_s: float = 5.0) -> AsyncIterator[MultiplexedRedis]:
    connection = MultiplexedRedis(url, timeout_s)
    try:
        yield connection
    finally:
        await connection.close()


async def connections_of(connection: MultiplexedRedis) -> int:
    """Connections that the server has received so far."""
    information = (await connection.execute("INFO", "stats")).decode()
    return int(information.split("total_connections_received:")[1].split()[0])


def test_each_command_gets_its_own_reply_over_one_connection(database: Database) -> None:
    async def run() -> None:
        async with connected(redis_url(database)) as connection:
            await connection.execute("PING")
            before = await connections_of(connection)
            names = [f"name-{number}" for number in range(500)]
            await asyncio.gather(*(connection.execute("SET", name, name * 100) for name in names))
            found = await asyncio.gather(*(connection.execute("GET", name) for name in names))
            assert found == [(name * 100).encode() for name in names]
            assert await connections_of(connection) == before

    asyncio.run(run())


def test_a_rejected_command_fails_alone(database: Database) -> None:
    async def run() -> None:
        async with connected(redis_url(database)) as connection:
            found = await asyncio.gather(
                connection.execute("SET", "a", "1"),
                connection.execute("LPUSH", "a", "2"),
                connection.execute("GET", "a"),
                return_exceptions=True,
            )
            assert (found[0], found[2]) == (b"OK", b"1")
            assert isinstance(found[1], ResponseError)

    asyncio.run(run())


def test_a_cancelled_command_leaves_other_replies_in_order(database: Database) -> None:
    async def run() -> None:
        with Proxy(redis_url(database)).running() as proxy:
            async with connected(proxy.url, timeout_s=1.0) as connection:
                for name in ("a", "b"):
                    await connection.execute("SET", name, name)
                proxy.delay_s = 0.3
                cancelled = asyncio.create_task(connection.execute("GET", "a"))
                uncancelled = asyncio.create_task(connection.execute("GET", "b"))
                await asyncio.sleep(0.1)
                cancelled.cancel()
                assert await uncancelled == b"b"
                assert await connection.execute("GET", "a") == b"a"

    asyncio.run(run())


def test_a_late_reply_times_out_and_is_not_assigned_to_another_command(database: Database, patience: float) -> None:
    async def run() -> None:
        with Proxy(redis_url(database)).running() as proxy:
            async with connected(proxy.url, timeout_s=0.2) as connection:
                await connection.execute("SET", "a", "a")
                proxy.delay_s = 0.6
                began = time.monotonic()
                with pytest.raises(RedisTimeoutError):
                    await connection.execute("GET", "a")
                assert time.monotonic() - began < 0.5 * patience
                proxy.delay_s = 0.0
                await asyncio.sleep(0.6)
                assert await connection.execute("GET", "b") is None

    asyncio.run(run())


def test_a_broken_connection_fails_pending_commands_and_is_replaced(database: Database) -> None:
    async def run() -> None:
        with Proxy(redis_url(database)).running() as proxy:
            async with connected(proxy.url) as connection:
                await connection.execute("PING")
                proxy.delay_s = 2.0
                waiting = [asyncio.create_task(connection.execute("PING")) for _ in range(10)]
                await asyncio.sleep(0.1)
                proxy.cut()
                broken = await asyncio.gather(*waiting, return_exceptions=True)
                assert {type(error) for error in broken} == {RedisConnectionError}
                proxy.delay_s = 0.0
                assert await connection.execute("PING") == b"PONG"

    asyncio.run(run())


def test_a_silent_connection_is_closed_after_seconds(database: Database, patience: float) -> None:
    async def run() -> None:
        with Proxy(redis_url(database)).running() as proxy:
            async with connected(proxy.url, timeout_s=0.25) as connection:
                await connection.execute("PING")
                proxy.stop_forwarding()
                began = time.monotonic()
                while True:
                    try:
                        assert await connection.execute("PING") == b"PONG"
                        break
                    except (RedisTimeoutError, RedisConnectionError):
                        await asyncio.sleep(0.05)
                assert 3 < time.monotonic() - began < 5 * patience

    asyncio.run(run())


def test_a_refused_connection_fails_at_once(patience: float) -> None:
    async def run() -> None:
        async with connected("redis://127.0.0.1:1/0") as connection:
            began = time.monotonic()
            with pytest.raises(RedisConnectionError):
                await connection.execute("PING")
            assert time.monotonic() - began < patience

    asyncio.run(run())
