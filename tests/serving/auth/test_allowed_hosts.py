"""Requests for host names that are not allowed are rejected, as a protection against DNS rebinding."""

from __future__ import annotations

import httpx
import pytest

from serving.auth.allowed_hosts import AllowedHosts
from tests.serving.auth.conftest import BOARD

PATHS = [BOARD, "/", "/leaderboards", "/docs", "/openapi.json", "/metrics", "/catalog"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example", ""]
)
def test_data_pages_and_metrics_are_rejected_for_other_host_names(reader: httpx.Client, host: str) -> None:
    for path in PATHS:
        reader.get(path)  # cached responses are protected too
        response = reader.get(path, headers={"Host": host})
        assert (response.status_code, response.json()["error"]["code"]) == (421, "unknown_host")
        assert "LADDER_API_HOSTS" in response.json()["error"]["message"]
    assert 'ladder_requests_total{endpoint="other",status="421"}' in reader.get("/metrics").text


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8765",
        "localhost.",
        "ladder.localhost",
        "127.0.0.1:1",
        "10.1.2.3",
        "[::1]:8765",
        "[fd00::1]",
    ],
)
def test_loopback_names_and_addresses_are_allowed(reader: httpx.Client, host: str) -> None:
    for path in (BOARD, "/"):
        assert reader.get(path, headers={"Host": host}).status_code == 200


def test_health_probes_are_allowed_for_any_host_name(reader: httpx.Client) -> None:
    for path in ("/healthz", "/readyz"):
        assert reader.get(path, headers={"Host": "container-7"}).status_code == 200


def test_listed_host_names_are_allowed_and_no_others(open_api: httpx.Client) -> None:
    for host, status in (
        ("ladder.example", 200),
        ("Ladder.Example:443", 200),
        ("evil.example", 421),
        ("sub.ladder.example", 421),
        ("localhost", 200),
    ):
        assert open_api.get(BOARD, headers={"Host": host}).status_code == status


def test_a_wildcard_allows_any_name_within_bounded_memory() -> None:
    hosts = AllowedHosts(["*"])
    assert all(hosts.allows(b"%d.example" % number) for number in range(1000))
    assert len(hosts.known_values) < 300
