"""Peers of `benchmarks.serving`: applications on the same server as ours, with the same settings.

    no-op       sends two bytes
    no-op body  sends the same bytes as our response
    redis get   a minimal application with one GET through redis-py for each request
    multiplexed the same through our own connection
    fastapi     FastAPI with the same GET, sent as bytes
    sql         a minimal application with one prepared, indexed query that builds the JSON in PostgreSQL

A peer reads its configuration from standard input, and exits when that is closed.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from subprocess import PIPE, Popen

import msgspec
import redis.asyncio
from fastapi import FastAPI, Response
from granian.constants import Interfaces
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels
from granian.server import Server
from psycopg_pool import AsyncConnectionPool
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.cache.multiplexed_redis import MultiplexedRedis
from serving.run import reserve_port

__all__ = ["PEERS", "PeerConfig", "peer"]

PEERS = ("no-op", "no-op body", "redis get", "multiplexed", "fastapi", "sql")
_SQL_CONNECTIONS = 8
_MAX_HEAD_BYTES = 32 * 1024


class PeerConfig(msgspec.Struct):
    """Configuration of a peer.

    Args:
        redis_url: the cache.
        database_url: login of `ladder_serving`.
        key: Redis key of the response's bytes.
        headers: headers of the response.
        query: SQL that builds the response's JSON; takes `board`.
        board: parameter of the query.
    """

    redis_url: str
    database_url: str
    key: str
    headers: list[tuple[str, str]]
    query: str
    board: str


class _Assignment(msgspec.Struct):
    name: str
    port: int
    config: PeerConfig


@contextmanager
def peer(name: str, config: PeerConfig) -> Iterator[int]:
    """Run a peer in a separate process; yields its port."""
    port = reserve_port("127.0.0.1", 0)
    process = Popen([sys.executable, "-m", "benchmarks.serving_peers"], stdin=PIPE)
    assert process.stdin is not None
    try:
        process.stdin.write(msgspec.json.encode(_Assignment(name, port, config)) + b"\n")
        process.stdin.flush()
        yield port
    finally:
        process.terminate()
        process.wait()
        process.stdin.close()


def _app(assignment: _Assignment) -> ASGIApp:
    threading.Thread(target=_exit_with_parent, args=(os.getppid(),), daemon=True).start()
    config = assignment.config
    headers = [(name.encode(), value.encode()) for name, value in config.headers]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    if assignment.name == "fastapi":
        return _fastapi(config)
    if assignment.name == "sql":
        return _sql(config)
    if assignment.name == "no-op":
        return _static(None, {**start, "headers": [(b"content-length", b"2")]}, b"ok")
    if assignment.name == "no-op body":
        return _static(config, start, b"")
    return _redis_get(config, start, is_multiplexed=assignment.name == "multiplexed")


def _static(config: PeerConfig | None, start: dict[str, object], content: bytes) -> ASGIApp:
    body = {"type": "http.response.body", "body": content}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            if config is not None:
                async with redis.asyncio.Redis.from_url(config.redis_url) as client:
                    body["body"] = await client.get(config.key)
            await _run_lifespan(receive, send)
            return
        await send(start)
        await send(body)

    return app


def _redis_get(config: PeerConfig, start: dict[str, object], *, is_multiplexed: bool) -> ASGIApp:
    clients: dict[str, redis.asyncio.Redis | MultiplexedRedis] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            if is_multiplexed:
                line = clients["it"] = MultiplexedRedis(config.redis_url, 5.0)
                await _run_lifespan(receive, send)
                await line.close()
            else:
                async with redis.asyncio.Redis.from_url(config.redis_url, max_connections=64) as client:
                    clients["it"] = client
                    await _run_lifespan(receive, send)
            return
        client = clients["it"]
        found = await (
            client.execute("GET", config.key) if isinstance(client, MultiplexedRedis) else client.get(config.key)
        )
        await send(start)
        await send({"type": "http.response.body", "body": found})

    return app


def _fastapi(config: PeerConfig) -> ASGIApp:
    client = redis.asyncio.Redis.from_url(config.redis_url, max_connections=64)
    headers = {name: value for name, value in config.headers if name != "content-length"}
    app = FastAPI(openapi_url=None)

    @app.get("/api/v1/leaderboards/{board}")
    async def entries(board: str) -> Response:
        return Response(await client.get(config.key), headers=headers)

    return app


def _sql(config: PeerConfig) -> ASGIApp:
    pools: list[AsyncConnectionPool] = []

    @asynccontextmanager
    async def pool() -> AsyncIterator[None]:
        async with AsyncConnectionPool(
            config.database_url,
            min_size=_SQL_CONNECTIONS,
            max_size=_SQL_CONNECTIONS,
            kwargs={"autocommit": True, "prepare_threshold": 0},
            open=False,
        ) as opened:
            pools.append(opened)
            yield

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            async with pool():
                await _run_lifespan(receive, send)
            return
        async with pools[0].connection() as connection:
            row = await (await connection.execute(config.query, {"board": config.board})).fetchone()
        assert row is not None
        body = row[0].encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def _run_lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _exit_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        threading.Event().wait(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def _exit_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _main() -> None:
    """Serve the peer with the same settings as `serving.run.serve`."""
    assignment = msgspec.json.decode(sys.stdin.buffer.readline(), type=_Assignment)
    logging.basicConfig(level="WARNING")
    threading.Thread(target=_exit_with_stdin, daemon=True).start()
    server = Server(
        "peer",
        address="127.0.0.1",
        port=assignment.port,
        interface=Interfaces.ASGI,
        workers=1,
        websockets=False,
        log_level=LogLevels.warning,
        http1_settings=HTTP1Settings(max_buffer_size=_MAX_HEAD_BYTES),
        http2_settings=HTTP2Settings(max_headers_size=_MAX_HEAD_BYTES),
    )
    server.serve(target_loader=partial(_app, assignment), wrap_loader=False)


if __name__ == "__main__":
    _main()
