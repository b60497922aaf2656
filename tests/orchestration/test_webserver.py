"""Dagster's web UI accepts requests of its own pages and of programs, and rejects those of pages of other origins."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from orchestration.engine.webserver import SameOriginOnly
from sandbox.server import listen, uvicorn_server

_UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


async def _respond(_: Request) -> PlainTextResponse:
    return PlainTextResponse("done")


async def _greet(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Client of a server that responds to every request that passes the check."""
    routes = [
        Route("/graphql", _respond, methods=["GET", "POST"]),
        WebSocketRoute("/graphql", _greet),
        Route("/{path:path}", _respond, methods=["GET", "POST"]),
    ]
    server = uvicorn_server(
        Starlette(routes=routes, middleware=[Middleware(SameOriginOnly, names=("dagster.example",))])
    )
    with listen(0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as made:
            yield made
        server.should_exit = True
        thread.join(10)


_LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/graphql", {}),
        (
            "POST",
            "/graphql",
            {"host": "127.0.0.1:3000", "origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-origin"},
        ),
        ("POST", "/graphql", {"host": "localhost:3000", "origin": "http://localhost:3000"}),
        ("POST", "/graphql", {"host": "[::1]:3000", "origin": "http://[::1]:3000"}),
        ("POST", "/graphql", {"host": "Dagster.example", "origin": "https://dagster.example"}),
        ("GET", "/runs", {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}),
        ("GET", "/runs", _LINK),
    ],
)
def test_own_pages_programs_and_links_are_accepted(
    client: httpx.Client, method: str, path: str, headers: Mapping[str, str]
) -> None:
    assert client.request(method, path, headers=headers).text == "done"


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/graphql", {"host": "elsewhere.example"}),
        ("POST", "/graphql", {"host": "elsewhere.example:3000", "origin": "http://elsewhere.example:3000"}),
        ("GET", "/runs", {"host": "127.0.0.1.elsewhere.example"}),
        ("POST", "/graphql", {"origin": "https://elsewhere.example"}),
        ("POST", "/graphql", {"origin": "http://127.0.0.1:8765"}),
        ("POST", "/graphql", {"origin": "null"}),
        ("POST", "/report_asset_materialization/marts", {"origin": "https://elsewhere.example"}),
        ("GET", "/graphql", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}),
        ("GET", "/graphql", {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}),
        ("GET", "/graphql", _LINK),
        # As a browser requests an image over plain http.
        ("GET", "/graphql", {"host": "dagster.example", "accept": "image/*"}),
        ("HEAD", "/graphql", {}),
        ("POST", "/runs", _LINK),
        ("GET", "/runs", {**_LINK, "sec-fetch-dest": "iframe"}),
    ],
)
def test_pages_of_other_origins_are_rejected_in_one_line(
    client: httpx.Client, method: str, path: str, headers: Mapping[str, str]
) -> None:
    rejected = client.request(method, path, headers=headers)
    assert rejected.status_code == 403
    assert len(rejected.text.splitlines()) == (method != "HEAD")


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:3000", "http://127.0.0.1:3000", 101),
        ("127.0.0.1:3000", "https://elsewhere.example", 403),
        ("elsewhere.example", "http://elsewhere.example", 403),
    ],
)
def test_a_websocket_is_opened_only_for_own_pages(client: httpx.Client, host: str, origin: str, status: int) -> None:
    with client.stream("GET", "/graphql", headers={**_UPGRADE, "host": host, "origin": origin}) as response:
        assert response.status_code == status
