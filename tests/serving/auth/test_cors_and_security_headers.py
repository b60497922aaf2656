"""CORS headers allow the configured origins only, and all responses have security headers."""

from __future__ import annotations

import httpx
import pytest

from tests.serving.auth.conftest import BOARD, Deployment, bearer, seconds_until_status
from tests.serving.http_clients import count

PREFLIGHT = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


@pytest.mark.parametrize("origin", ["https://one.example", "https://two.example"])
def test_allowed_origins_may_read_hits_misses_and_errors(open_api: httpx.Client, origin: str) -> None:
    for path in (BOARD, BOARD, "/api/v1/players/dota2/nobody", "/nothing"):
        response = open_api.get(path, headers={"Origin": origin})
        assert response.headers["access-control-allow-origin"] == origin
        assert "origin" in response.headers["vary"]
        assert "retry-after" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://three.example"}, {"Origin": "null"}])
def test_other_origins_may_not_read_and_responses_vary_by_origin(
    open_api: httpx.Client, headers: dict[str, str]
) -> None:
    for _ in range(2):
        response = open_api.get(BOARD, headers=headers)
        assert response.status_code == 200
        assert "access-control-allow-origin" not in response.headers
        assert "origin" in response.headers["vary"]


def test_a_preflight_request_needs_no_key(open_api: httpx.Client, closed_api: httpx.Client) -> None:
    for client, origin, allowed in (
        (open_api, "https://one.example", "https://one.example"),
        (open_api, "https://three.example", None),
        (closed_api, "https://three.example", "*"),
    ):
        response = client.options(BOARD, headers={"Origin": origin, **PREFLIGHT})
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers.get("access-control-allow-origin") == allowed
        assert response.headers["access-control-allow-methods"] == "GET, HEAD"
        assert {"authorization", "x-api-key"} <= set(response.headers["access-control-allow-headers"].split(", "))


def test_an_allowed_origin_reads_with_a_key(deployment: Deployment, closed_api: httpx.Client) -> None:
    key = deployment.key("from-a-page")
    seconds_until_status(closed_api, key, 200)
    for headers, status in ((bearer(key), 200), ({}, 401)):
        response = closed_api.get(BOARD, headers={"Origin": "https://three.example", **headers})
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers


def test_no_other_origin_may_read_by_default(reader: httpx.Client) -> None:
    response = reader.get(BOARD, headers={"Origin": "https://one.example"})
    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith("access-control-")]
    assert reader.options(BOARD, headers={"Origin": "https://one.example", **PREFLIGHT}).status_code == 405


def test_a_cached_response_has_security_headers_from_the_first_request(reader: httpx.Client) -> None:
    hits = 'ladder_answers_total{tier="memory"}'
    before = count(str(reader.base_url), hits)
    responses = [reader.get(f"{BOARD}?limit=3") for _ in range(3)]
    assert count(str(reader.base_url), hits) >= before + 2
    for response in responses:
        assert response.headers.get_list("x-content-type-options") == ["nosniff"]
        assert response.headers.get_list("content-security-policy") == ["default-src 'none'; frame-ancestors 'none'"]


def test_errors_and_pages_have_security_headers(reader: httpx.Client) -> None:
    for path in ("/nothing", "/api/v1/leaderboards?x=1", "/docs", "/openapi.json", "/healthz"):
        headers = reader.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "strict-transport-security" not in headers


def test_browsers_stay_on_https_behind_tls(closed_api: httpx.Client) -> None:
    assert closed_api.get("/healthz").headers["strict-transport-security"] == "max-age=31536000"
