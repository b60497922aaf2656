"""Invalid requests get a 4xx in the error envelope: never a 5xx, never the data of another player."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PLAYER = "/api/v1/players/dota2/101"
COMPARE = "/api/v1/compare/players?game=cs2&"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/leaderboards?game=dota2", 400, "unknown_parameter"),
        (f"{PLAYER}/matches?limit=5&limit=6", 400, "repeated_parameter"),
        (f"{PLAYER}/matches?cursor=AAAA", 400, "invalid_cursor"),
        # [99999999999999999999, "1"] and ["2026-01-01T00:00:00Z", "\u0000", 1]
        ("/api/v1/leaderboards/dota2_matches?cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LCAiMSJd", 400, "invalid_cursor"),
        (f"{PLAYER}/matches?cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsICJcdTAwMDAiLCAxXQ", 400, "invalid_cursor"),
        (f"{PLAYER}/matches?cursor={'A' * 400}", 422, "invalid_parameter"),
        (f"{PLAYER}/matches?limit=0", 422, "invalid_parameter"),
        (f"{PLAYER}/matches?limit=501", 422, "invalid_parameter"),
        (f"{PLAYER}/matches?limit=9999999999999999999999", 422, "invalid_parameter"),
        (f"{PLAYER}/matches?limit=1e3", 422, "invalid_parameter"),
        (f"{PLAYER}/matches?limit=", 422, "invalid_parameter"),
        (f"{PLAYER}/matches?significant=perhaps", 422, "invalid_parameter"),
        (f"{PLAYER}/matches?character_id=1'%20OR%201=1--", 422, "invalid_parameter"),
        ("/api/v1/heroes/win-rates?since=2026-13-01", 422, "invalid_parameter"),
        ("/api/v1/heroes/win-rates?since=99999-01-01", 422, "invalid_parameter"),
        ("/api/v1/heroes/win-rates?patch_id=%00", 422, "invalid_parameter"),
        ("/api/v1/heroes/meta-trends?window_days=8", 422, "invalid_parameter"),
        ("/api/v1/heroes/meta-trends?rank_bracket=ALL", 422, "invalid_parameter"),
        ("/api/v1/players/tf2/101", 422, "invalid_parameter"),
        ("/api/v1/players/dota2/%ff%fe", 422, "invalid_parameter"),
        ("/api/v1/players/dota2/1'%3BDROP%20TABLE%20x", 422, "invalid_parameter"),
        ("/api/v1/players/dota2/101%0A", 422, "invalid_parameter"),
        ("/api/v1/players/dota2/..%2f..%2fetc", 404, "not_found"),
        ("/api/v1/players/dota2/101/", 404, "not_found"),
        ("//api/v1/leaderboards", 404, "not_found"),
        (f"/api/v1/players/dota2/{'9' * 65}", 422, "invalid_parameter"),
        (f"/api/v1/leaderboards?{'a' * 2100}", 414, "target_too_long"),
        ("/api/v1/heroes/win-rates?since=0", 422, "invalid_parameter"),
        ("/api/v1/heroes/dota2/1'--/timeline", 422, "invalid_parameter"),
        ("/api/v1/heroes/dota2/..%2f/timeline", 404, "not_found"),
        ("/api/v1/search/players", 422, "invalid_parameter"),
        ("/api/v1/search/players?prefix=", 422, "invalid_parameter"),
        ("/api/v1/search/players?prefix=%00", 422, "invalid_parameter"),
        ("/api/v1/search/players?prefix=a%0A", 422, "invalid_parameter"),
        (f"/api/v1/search/players?prefix={'a' * 65}", 422, "invalid_parameter"),
        ("/api/v1/search/players?prefix=a&prefix=b", 400, "repeated_parameter"),
        ("/api/v1/search/players?prefix=a&limit=9999", 400, "unknown_parameter"),
        ("/api/v1/compare/players?players=a&players=b", 422, "invalid_parameter"),
        (f"{COMPARE}players=a", 422, "invalid_parameter"),
        (f"{COMPARE}players=a&players=a", 422, "invalid_parameter"),
        (f"{COMPARE}{'&'.join(f'players={n}' for n in range(11))}", 422, "invalid_parameter"),
        (f"{COMPARE}players=a&players=b%27)%20OR%20(1=1", 422, "invalid_parameter"),
        (f"{COMPARE}players=a&players=%7Bb,c%7D", 422, "invalid_parameter"),
        (f"{COMPARE}players=a&players=b&game=csgo", 400, "repeated_parameter"),
        ("/api/v1/teams?limit=501", 422, "invalid_parameter"),
        # ["0001-01-01T00:00:00+14:00", "1"], before the earliest timestamp
        ("/api/v1/teams?cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwiMSJd", 400, "invalid_cursor"),
        # [9999, "9"], a cursor of another list
        ("/api/v1/teams?cursor=Wzk5OTksIjkiXQ", 400, "invalid_cursor"),
        ("/api/v1/leagues/cs2/l%2f1/standings", 404, "not_found"),
        ("/api/v1/maps/win-rates?game=cs2;DROP%20TABLE%20x", 422, "invalid_parameter"),
    ],
)
def test_an_invalid_request_gets_a_specific_error(reader: httpx.Client, path: str, status: int, code: str) -> None:
    response = raw_get(reader, path.encode())
    assert f" {status} ".encode() in response.split(b"\r\n", 1)[0] + b" "
    assert f'"code":"{code}"'.encode() in response
    assert b"x-request-id: " in response.lower()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_other_methods_are_rejected(reader: httpx.Client, method: str) -> None:
    reader.get("/api/v1/leaderboards")
    response = reader.request(method, "/api/v1/leaderboards")
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"
    assert response.headers["allow"] == "GET, HEAD"


def test_a_valid_request_id_of_the_client_is_returned(reader: httpx.Client) -> None:
    assert reader.get("/nothing", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    assert reader.get("/nothing", headers={"X-Request-Id": "<script>"}).headers["x-request-id"] != "<script>"


@pytest.mark.parametrize(
    "headers",
    [
        {"If-None-Match": '"' * 500},
        {"If-None-Match": ",,,W/,"},
        {"Accept-Encoding": "gzip;q=oops, *;;;,br"},
        {"Range": "bytes=0-1"},
        {f"X-{number}": "x" * 50 for number in range(60)},
    ],
)
def test_odd_headers_do_not_change_the_response(reader: httpx.Client, headers: dict[str, str]) -> None:
    response = reader.get("/api/v1/leaderboards", headers=headers)
    assert response.status_code == 200
    assert response.json()["data"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(
        [
            *("/", "/leaderboards/", "/players/dota2/", "/players/", "/heroes/", "/leagues/cs2/"),
            *("/heroes/win-rates?", "/teams?cursor=", "/search/players?prefix="),
            "/compare/players?game=cs2&players=a&players=",
        ]
    ),
    rest=st.binary(max_size=60),
)
def test_no_bytes_in_the_target_cause_a_5xx(reader: httpx.Client, path: str, rest: bytes) -> None:
    encoded = b"".join(b"%%%02x" % byte if byte < 33 or byte > 126 or byte == 35 else bytes([byte]) for byte in rest)
    response = raw_get(reader, f"/api/v1{path}".encode() + encoded)
    status = int(response.split(b" ", 2)[1])
    assert status < 500, response


def raw_get(client: httpx.Client, target: bytes) -> bytes:
    """The response to a request line that no client library would send."""
    parts = urlsplit(str(client.base_url))
    assert parts.port is not None
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))
