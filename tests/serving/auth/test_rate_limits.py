"""Rate limits of requests and rows hold over all processes, and callers do not affect each other."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
import redis

from serving.auth.anonymous_clients import subject_of
from serving.cache.keys import rate_limit_key
from serving.ratelimit.leases import KEY_SUBJECT_PREFIX
from serving.run import background
from tests.serving.auth.conftest import BOARD, Deployment, bearer, seconds_until_status
from tests.serving.conftest import redis_url
from tests.serving.http_clients import get_together, seconds_until

# A bucket of 100 requests that fills at 10 per second; leases of 25 for each of two processes.
PER_MINUTE, BUCKET, LEASE, RATE = 600, 100, 25, 10
KNOWN = "/api/v1/leaderboards"


async def send_requests(bases: list[str], seconds: float, headers: dict[str, str], connections: int = 8) -> list[int]:
    """Send requests as fast as possible over several connections per server. `{}` in a header becomes a number."""
    ends_at = time.monotonic() + seconds
    statuses: list[int] = []

    async def send(base: str) -> None:
        reader, writer = await asyncio.open_connection(urlsplit(base).hostname, urlsplit(base).port)
        while time.monotonic() < ends_at:
            number = len(statuses) % 250
            lines = "".join(f"{name}: {value.format(number)}\r\n" for name, value in headers.items())
            writer.write(f"GET {KNOWN} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            length = re.search(rb"content-length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))
            statuses.append(int(head.split(b" ", 2)[1]))
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(send(base) for base in bases for _ in range(connections)))
    return statuses


def await_full(deployment: Deployment, subject: str) -> None:
    """Wait until a caller's bucket is full, which removes it from Redis."""
    with redis.Redis.from_url(redis_url(deployment.database)) as cache:
        seconds_until(lambda: not cache.exists(rate_limit_key(subject)), 30)


def test_two_processes_admit_an_address_up_to_its_limit_and_the_documented_slack(
    deployment: Deployment, workers: str, patience: float
) -> None:
    await_full(deployment, subject_of("127.0.0.1"))
    began = time.monotonic()
    # This proxy is not trusted.
    statuses = asyncio.run(send_requests([workers], 4, {"X-Forwarded-For": "203.0.113.{}"}))
    filled = RATE * (time.monotonic() - began)
    admitted = statuses.count(200)
    assert set(statuses) == {200, 429}
    assert BUCKET + filled * 0.8 / patience - 2 * LEASE <= admitted <= BUCKET + filled + 2 * 2 * LEASE


def test_two_servers_admit_a_key_up_to_its_limit_and_the_documented_slack(
    deployment: Deployment, open_api: httpx.Client, closed_api: httpx.Client, patience: float
) -> None:
    key = deployment.key("two-servers", requests_per_minute=PER_MINUTE)
    for client in (open_api, closed_api):
        seconds_until_status(client, key, 200)
    began = time.monotonic()
    statuses = asyncio.run(send_requests([str(open_api.base_url), str(closed_api.base_url)], 4, bearer(key)))
    filled = RATE * (time.monotonic() - began)
    lease = BUCKET // 2
    assert BUCKET + filled * 0.8 / patience - 2 * lease <= statuses.count(200) <= BUCKET + filled + 2 * 2 * lease
    # The bucket of the address is still full.
    assert open_api.get(KNOWN).status_code == 200


def test_a_burst_within_the_limit_is_admitted_though_no_lease_covers_it(deployment: Deployment, workers: str) -> None:
    key = deployment.key("burst", requests_per_minute=PER_MINUTE)
    with httpx.Client(base_url=workers) as client:
        seconds_until_status(client, key, 200)
    time.sleep(2)  # the other process has read the key too
    replies = get_together([workers + KNOWN] * 70, bearer(key))
    assert {reply.status_code for reply in replies} == {200}


def test_a_rate_limit_error_reports_a_correct_retry_time(deployment: Deployment, open_api: httpx.Client) -> None:
    key = deployment.key("comes-back", requests_per_minute=60)
    seconds_until_status(open_api, key, 200)
    while (rejected := open_api.get(KNOWN, headers=bearer(key))).status_code == 200:
        pass
    assert (rejected.status_code, rejected.json()["error"]["code"]) == (429, "rate_limited")
    assert rejected.headers["cache-control"] == "no-store"
    assert rejected.headers["ratelimit-policy"] == '"requests";q=10;w=10'
    wait_s = int(rejected.headers["retry-after"])
    assert rejected.headers["ratelimit"] == f'"requests";r=0;t={wait_s}'
    assert 1 <= wait_s <= 10
    time.sleep(wait_s)
    assert open_api.get(KNOWN, headers=bearer(key)).status_code == 200


def test_rows_are_limited_too(deployment: Deployment, open_api: httpx.Client) -> None:
    key = deployment.key("rows", rows_per_minute=600)  # a bucket of 100 that fills at 10 per second
    seconds_until(lambda: open_api.get(f"{BOARD}?limit=1", headers=bearer(key)).status_code == 200)
    await_full(deployment, KEY_SUBJECT_PREFIX + key[4:12])
    rows = 0
    began = time.monotonic()
    while (response := open_api.get(f"{BOARD}?limit=20", headers=bearer(key))).status_code == 200:
        rows += len(response.json()["data"])
    assert response.status_code == 429
    assert "rows" in response.json()["error"]["message"]
    filled = 10 * (time.monotonic() - began)
    # A bucket, two leases, and the response that exceeded the limit.
    assert 100 <= rows <= 100 + 2 * 50 + filled + 20


def test_a_304_costs_no_rows(deployment: Deployment, open_api: httpx.Client) -> None:
    key = deployment.key("no-rows", rows_per_minute=60)
    tag = open_api.get(f"{BOARD}?limit=1").headers["etag"]
    headers = {"If-None-Match": tag, **bearer(key)}
    seconds_until(lambda: open_api.get(f"{BOARD}?limit=1", headers=headers).status_code == 304)
    for _ in range(40):
        assert open_api.get(f"{BOARD}?limit=1", headers=headers).status_code == 304


@pytest.fixture(scope="module")
def strict_api(deployment: Deployment) -> Iterator[httpx.Client]:
    """An API behind a trusted proxy, with a bucket of 10 requests that fills at 1 per second."""
    with (
        deployment.api(api_requests_per_minute=60, api_trusted_proxies="127.0.0.0/8") as base,
        httpx.Client(base_url=base) as client,
    ):
        yield client


def behind_proxy(client: str) -> dict[str, str]:
    """The header of a proxy that appends the client's address to a forged one."""
    return {"X-Forwarded-For": f"198.18.0.1, {client}"}


def test_behind_a_trusted_proxy_each_client_has_its_own_limit(strict_api: httpx.Client) -> None:
    statuses = [strict_api.get(KNOWN, headers=behind_proxy("203.0.113.7")).status_code for _ in range(60)]
    assert statuses[:10] == [200] * 10
    assert 429 in statuses
    assert strict_api.get(KNOWN, headers=behind_proxy("203.0.113.8")).status_code == 200
    # Another address of the same network is the same client.
    neighbours = [f"2001:db8::{number:x}" for number in range(60)]
    assert 429 in [strict_api.get(KNOWN, headers=behind_proxy(each)).status_code for each in neighbours]


def test_guessing_keys_is_limited_by_address_and_probes_are_not(strict_api: httpx.Client) -> None:
    mine = behind_proxy("203.0.113.9")
    keys = [f"ldr_abcdefgh_{number:032}" for number in range(60)]
    guesses = [strict_api.get(KNOWN, headers={**mine, **bearer(key)}).status_code for key in keys]
    assert set(guesses) == {401, 429}
    assert strict_api.get(KNOWN, headers=mine).status_code == 429
    assert {strict_api.get("/healthz", headers=mine).status_code for _ in range(30)} == {200}


def test_limits_hold_for_misses_and_errors_as_for_hits(strict_api: httpx.Client) -> None:
    paths = [f"/api/v1/players/dota2/{number}" for number in range(60)]
    statuses = [strict_api.get(path, headers=behind_proxy("203.0.113.10")).status_code for path in paths]
    assert set(statuses) == {404, 429}


@pytest.mark.slow
def test_without_redis_two_processes_keep_the_limit_between_them(deployment: Deployment, patience: float) -> None:
    changed = deployment.database.settings.model_copy(update={"api_requests_per_minute": PER_MINUTE})
    nowhere = "redis://127.0.0.1:1/0"
    with background(changed, deployment.database.url("serving"), nowhere, workers=2) as base:
        began = time.monotonic()
        statuses = asyncio.run(send_requests([base], 5, {}))
        filled = RATE * (time.monotonic() - began)
    admitted = statuses.count(200)
    assert set(statuses) == {200, 429}
    assert filled * 0.4 / patience <= admitted <= 2 * LEASE + filled + 2
