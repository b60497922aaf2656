"""An endpoint is for those who have its scope, whether its answer is cached, asked for anew, or known to the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Message

from serving.app import Connections, create_app
from serving.endpoints import ENDPOINTS
from serving.security.access_rules import AccessRules
from tests.serving.auth.conftest import Deployment, bearer
from tests.serving.conftest import redis_url

BOARDS = "/api/v1/leaderboards"


@asynccontextmanager
async def serving(deployment: Deployment, directory: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An API of which the boards are for those who may read business."""
    endpoints = tuple(replace(each, scope="business") if each.name == "leaderboards" else each for each in ENDPOINTS)
    rules = AccessRules.of(deployment.database.settings, 1)
    url = deployment.database.url("serving")
    connections = Connections(url, redis_url(deployment.database), directory, rules, directory / "none")
    app = create_app(connections, endpoints)
    async with alive(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


@asynccontextmanager
async def alive(app: ASGIApp) -> AsyncIterator[None]:
    """The lifespan of an application, as its server sees to it."""
    received: asyncio.Queue[Message] = asyncio.Queue()
    sent: asyncio.Queue[Message] = asyncio.Queue()
    running = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, received.get, sent.put))
    await received.put({"type": "lifespan.startup"})
    assert (await sent.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await received.put({"type": "lifespan.shutdown"})
        assert (await sent.get())["type"] == "lifespan.shutdown.complete"
        await running


@pytest.mark.parametrize("is_cached", [False, True], ids=["asked for anew", "cached"])
def test_an_answer_is_for_those_who_have_its_scope(deployment: Deployment, tmp_path: Path, *, is_cached: bool) -> None:
    reader = deployment.key(f"no scope {is_cached}")
    analyst = deployment.key(f"business {is_cached}", scopes=("business",))

    async def ask() -> None:
        async with serving(deployment, tmp_path) as client:
            if is_cached:
                for _ in range(2):
                    answer = await client.get(BOARDS, headers=bearer(analyst))
                    assert answer.status_code == 200
                    assert answer.headers["cache-control"].startswith("private, ")
                tag = {"If-None-Match": answer.headers["etag"]}
                assert (await client.get(BOARDS, headers={**tag, **bearer(analyst)})).status_code == 304
            for headers in ({}, {"If-None-Match": "*"}, tag if is_cached else {}):
                without = await client.get(BOARDS, headers=headers)
                assert (without.status_code, without.json()["error"]["code"]) == (401, "unauthorized")
                assert without.headers["www-authenticate"].startswith("Bearer")
                lacking = await client.get(BOARDS, headers={**headers, **bearer(reader)})
                assert (lacking.status_code, lacking.json()["error"]["code"]) == (403, "forbidden")
                assert "business" in lacking.json()["error"]["message"]
                for refused in (without, lacking):
                    assert "etag" not in refused.headers
                    assert "data" not in refused.json()
            assert (await client.get(f"{BOARDS}/dota2_matches")).status_code == 200

    asyncio.run(ask())
