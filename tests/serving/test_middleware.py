"""Unexpected errors behind the middleware have the same request id in the response and in the log."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from serving.auth.access_control import AccessControl
from serving.cache.cache import Cache
from serving.cache.database import Database
from serving.cache.generation_watcher import GenerationWatcher
from serving.cache.memory_tier import MemoryTier
from serving.cache.redis_tier import RedisTier
from serving.http.middleware import CacheFirstMiddleware
from serving.security.access_rules import AccessRules
from serving.security.response_headers import CorsAndSecurityHeaders
from serving.telemetry.metrics import Metrics
from warehouse.core.settings import Settings

RULES = AccessRules.of(Settings(), 1)


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise ZeroDivisionError


async def get(app: CacheFirstMiddleware, request_id: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        return await client.get("/", headers={"X-Request-Id": request_id})


def test_an_unexpected_error_is_a_500_whose_request_id_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics(tmp_path)
    memory, redis, database = MemoryTier(), RedisTier("redis://127.0.0.1:1/0", metrics), Database("dbname=nowhere")
    watcher = GenerationWatcher(database, redis)
    cache = Cache(memory, redis, database, watcher, metrics)
    access_control = AccessControl(RULES, "dbname=nowhere", redis)
    with caplog.at_level(logging.ERROR):
        middleware = CacheFirstMiddleware(
            broken, memory, cache, watcher, metrics, access_control, CorsAndSecurityHeaders(RULES)
        )
        response = asyncio.run(get(middleware, "mine-1"))
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal_error")
    assert response.headers["x-request-id"] == "mine-1"
    (record,) = caplog.records
    assert record.__dict__["request_id"] == "mine-1"
    assert record.exc_info is not None
