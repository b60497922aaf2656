"""What goes wrong behind the cache-first layer is told to the caller and to the log under one name."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from serving.auth.gate import Gate
from serving.cache.cache import Cache
from serving.cache.database import Database
from serving.cache.memory import Memory
from serving.cache.redis_tier import RedisTier
from serving.cache.watcher import Watcher
from serving.http.middleware import CacheFirst
from serving.policy.browsers import Browsers
from serving.policy.rules import Rules
from serving.telemetry.metrics import Metrics
from warehouse.core.settings import Settings

RULES = Rules.of(Settings(), 1)


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise ZeroDivisionError


async def get(app: CacheFirst, request_id: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        return await client.get("/", headers={"X-Request-Id": request_id})


def test_a_failure_nobody_foresaw_is_a_500_whose_request_id_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics(tmp_path)
    memory, redis, database = Memory(), RedisTier("redis://127.0.0.1:1/0", metrics), Database("dbname=nowhere")
    watcher = Watcher(database, redis)
    cache = Cache(memory, redis, database, watcher, metrics)
    gate = Gate(RULES, "dbname=nowhere", redis)
    with caplog.at_level(logging.ERROR):
        layer = CacheFirst(broken, memory, cache, watcher, metrics, gate, Browsers(RULES))
        answer = asyncio.run(get(layer, "mine-1"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert answer.headers["x-request-id"] == "mine-1"
    (record,) = caplog.records
    assert record.__dict__["request_id"] == "mine-1"
    assert record.exc_info is not None
