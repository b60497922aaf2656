"""Whom Dagster's web UI answers: its own pages and programs, by a name of this machine, and no page from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from orchestration.webserver import OwnPagesOnly

_OWN = "127.0.0.1:3000"


async def _answer(_: Request) -> PlainTextResponse:
    return PlainTextResponse("done")


async def _greet(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("done")
    await socket.close()


@pytest.fixture(scope="module")
def client() -> TestClient:
    """What stands behind the check answers everything."""
    routes = [
        Route("/graphql", _answer, methods=["GET", "POST"]),
        WebSocketRoute("/graphql", _greet),
        Route("/{path:path}", _answer, methods=["GET", "POST"]),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(OwnPagesOnly, names=("dagster.example",))])
    return TestClient(app, base_url=f"http://{_OWN}")


_LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/graphql", {}),
        ("POST", "/graphql", {"origin": f"http://{_OWN}", "sec-fetch-site": "same-origin"}),
        ("POST", "/graphql", {"host": "localhost:3000", "origin": "http://localhost:3000"}),
        ("POST", "/graphql", {"host": "[::1]:3000", "origin": "http://[::1]:3000"}),
        ("POST", "/graphql", {"host": "Dagster.example", "origin": "https://dagster.example"}),
        ("GET", "/runs", {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}),
        ("GET", "/runs", _LINK),
    ],
)
def test_own_pages_programs_and_links_are_answered(
    client: TestClient, method: str, path: str, headers: Mapping[str, str]
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
        ("POST", "/runs", _LINK),
        ("GET", "/runs", {**_LINK, "sec-fetch-dest": "iframe"}),
    ],
)
def test_pages_from_elsewhere_are_refused_in_one_line(
    client: TestClient, method: str, path: str, headers: Mapping[str, str]
) -> None:
    refused = client.request(method, path, headers=headers)
    assert (refused.status_code, len(refused.text.splitlines())) == (403, 1)


def test_a_websocket_is_opened_for_own_pages_alone(client: TestClient) -> None:
    with client.websocket_connect("/graphql", headers={"host": _OWN, "origin": f"http://{_OWN}"}) as socket:
        assert socket.receive_text() == "done"
    for headers in (
        {"host": _OWN, "origin": "https://elsewhere.example"},
        {"host": "elsewhere.example", "origin": "http://elsewhere.example"},
    ):
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect("/graphql", headers=headers):
            pass
        assert refused.value.status_code == 403
