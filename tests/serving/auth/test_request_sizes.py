"""Requests with a body, another method or too many headers are rejected before they are processed."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx
import pytest

from tests.serving.auth.conftest import BOARD


def send(client: httpx.Client, request: bytes) -> bytes:
    """Send raw bytes; returns the start of the response."""
    parts = urlsplit(str(client.base_url))
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(65536)


@pytest.mark.parametrize(
    "kind",
    [
        {"content": b"{}"},
        {"content": b"x" * 1_000_000},
        {"content": iter([b"chunk"])},
    ],
)
def test_a_request_with_a_body_is_rejected(reader: httpx.Client, kind: dict[str, bytes]) -> None:
    reader.get(BOARD)
    response = reader.request("GET", BOARD, **kind)  # type: ignore[arg-type]
    assert (response.status_code, response.json()["error"]["code"]) == (413, "body_not_allowed")
    # The body is not read, so the server closes the connection; the header tells the client not to reuse it.
    assert response.headers["connection"] == "close"


def test_a_content_length_of_zero_is_allowed(reader: httpx.Client) -> None:
    assert reader.get(BOARD, headers={"Content-Length": "0"}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_other_methods_are_rejected_on_all_paths(reader: httpx.Client, method: str) -> None:
    for path in (BOARD, "/nothing", "/metrics", "/docs"):
        response = reader.request(method, path)
        assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")
        assert response.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "flood",
    [
        b"".join(b"x-%d: 1\r\n" % number for number in range(150)),
        b"x-long: " + b"y" * 100_000 + b"\r\n",
        b"".join(b"x-%d: " % number + b"y" * 4000 + b"\r\n" for number in range(60)),
        b"cookie: " + b"a=b; " * 20_000 + b"\r\n",
    ],
    ids=["many", "long", "both", "cookie"],
)
def test_too_many_or_too_long_headers_are_rejected(reader: httpx.Client, flood: bytes) -> None:
    try:
        response = send(reader, f"GET {BOARD} HTTP/1.1\r\nHost: localhost\r\n".encode() + flood + b"\r\n")
    except ConnectionError:  # the server closed the connection before everything was sent
        response = b""
    assert response == b"" or response.startswith(b"HTTP/1.1 431 ")
    assert reader.get(BOARD).status_code == 200


def test_the_number_of_headers_of_a_browser_is_allowed(reader: httpx.Client) -> None:
    headers = {f"X-{number}": "y" * 100 for number in range(80)}
    assert reader.get(BOARD, headers=headers).status_code == 200


def test_a_rejected_request_is_counted_and_has_a_request_id(reader: httpx.Client) -> None:
    response = reader.request("POST", BOARD, headers={"X-Request-Id": "mine-1"})
    assert response.headers["x-request-id"] == "mine-1"
    assert 'ladder_requests_total{endpoint="other",status="405"}' in reader.get("/metrics").text
