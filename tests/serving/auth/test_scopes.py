"""An endpoint requires its scope, for misses, hits and 304 responses."""

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
    """An API whose list of leaderboards requires the scope `business`."""
    endpoints = tuple(replace(each, scope="business") if each.name == "leaderboards" else each for each in ENDPOINTS)
    rules = AccessRules.of(deployment.database.settings, 1)
    url = deployment.database.url("serving")
    connections = Connections(url, redis_url(deployment.database), directory, rules, directory / "none")
    app = create_app(connections, endpoints)
    async with (
        running_lifespan(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield client


@asynccontextmanager
async def running_lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Run the lifespan of an application, as a server does."""
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


@pytest.mark.parametrize("is_cached", [False, True], ids=["miss", "cached"])
def test_a_response_requires_the_scope_of_its_endpoint(
    deployment: Deployment, tmp_path: Path, *, is_cached: bool
) -> None:
    reader = deployment.key(f"no scope {is_cached}")
    analyst = deployment.key(f"business {is_cached}", scopes=("business",))

    async def run() -> None:
        async with serving(deployment, tmp_path) as client:
            if is_cached:
                for _ in range(2):
                    response = await client.get(BOARDS, headers=bearer(analyst))
                    assert response.status_code == 200
                    assert response.headers["cache-control"].startswith("private, ")
                tag = {"If-None-Match": response.headers["etag"]}
                assert (await client.get(BOARDS, headers={**tag, **bearer(analyst)})).status_code == 304
            for headers in ({}, {"If-None-Match": "*"}, tag if is_cached else {}):
                without = await client.get(BOARDS, headers=headers)
                assert (without.status_code, without.json()["error"]["code"]) == (401, "unauthorized")
                assert without.headers["www-authenticate"].startswith("Bearer")
                lacking = await client.get(BOARDS, headers={**headers, **bearer(reader)})
                assert (lacking.status_code, lacking.json()["error"]["code"]) == (403, "forbidden")
                assert "business" in lacking.json()["error"]["message"]
                for rejected in (without, lacking):
                    assert "etag" not in rejected.headers
                    assert "data" not in rejected.json()
            assert (await client.get(f"{BOARDS}/dota2_matches")).status_code == 200

    asyncio.run(run())
