"""Responses in use are refreshed before they expire: once, by one process, in the background."""

from __future__ import annotations

import time

import httpx
import pytest
import redis

from serving.cache import keys
from serving.cache.requests import CanonicalRequest
from serving.cache.responses import STALE_LIMIT_S, StoredBody
from serving.endpoints import ENDPOINTS
from serving.endpoints.generations import PublishedGeneration
from tests.serving.conftest import ApiPair
from tests.serving.http_clients import count, queries, seconds_until

HEROES = "/api/v1/players/dota2/101/heroes"
REFRESHES = "ladder_refreshes_total"
OLD = b'{"data":"old"}'
(ENDPOINT,) = (endpoint for endpoint in ENDPOINTS if endpoint.name == "player_heroes")


def store(pair: ApiPair, left_s: float) -> None:
    """Store a response of the published generation in Redis that expires in some seconds."""
    with redis.Redis.from_url(pair.redis_url) as cache:
        packed = cache.get(keys.pointer_key())
        assert isinstance(packed, bytes)
        request = CanonicalRequest(ENDPOINT, "/players/dota2/101/heroes", {}, None)
        key = keys.CacheKey(PublishedGeneration.unpack(packed), request).name
        created_at = time.time() - ENDPOINT.max_age_s + left_s
        cache.set(key, StoredBody(created_at, OLD, 1).pack(), ex=STALE_LIMIT_S)


@pytest.fixture
def before(pair: ApiPair) -> tuple[int, int]:
    """Queries and refreshes of both processes before the test."""
    return totals(pair)


def totals(pair: ApiPair) -> tuple[int, int]:
    bases = (pair.one, pair.other)
    return sum(map(queries, bases)), sum(count(base, REFRESHES) for base in bases)


def test_a_hot_response_is_refreshed_once_over_two_processes_without_waiting(
    pair: ApiPair, before: tuple[int, int]
) -> None:
    # With a lifetime of an hour, the last second is almost certainly after the refresh time of each process.
    store(pair, left_s=1.0)
    fresh = b'"character_id"'
    with httpx.Client(base_url=pair.one) as one, httpx.Client(base_url=pair.other) as other:
        assert {client.get(HEROES).content for client in (one, other)} == {OLD}
        longest = 0.0
        for client in (one, other):

            def is_fresh(client: httpx.Client = client) -> bool:
                nonlocal longest
                began = time.monotonic()
                content = client.get(HEROES).content
                longest = max(longest, time.monotonic() - began)
                assert content == OLD or fresh in content
                return content != OLD

            seconds_until(is_fresh, 3)
        assert longest < 0.5
        time.sleep(1.2)
        for client in (one, other):
            assert client.get(HEROES).headers["server-timing"] == "memory"
    assert totals(pair) == (before[0] + 1, before[1] + 1)


def test_a_fresh_response_is_not_refreshed(pair: ApiPair, before: tuple[int, int]) -> None:
    store(pair, left_s=ENDPOINT.max_age_s * 0.9)
    for _ in range(20):
        assert httpx.get(pair.one + HEROES).content == OLD
    assert totals(pair) == before


def test_an_unused_response_is_not_refreshed(pair: ApiPair, before: tuple[int, int]) -> None:
    store(pair, left_s=0.8)
    assert httpx.get(pair.one + HEROES).content == OLD
    time.sleep(1.0)
    assert totals(pair) == before


def test_an_expired_response_is_not_sent(pair: ApiPair, before: tuple[int, int]) -> None:
    store(pair, left_s=-1.0)
    assert httpx.get(pair.one + HEROES).content != OLD
    assert totals(pair) == (before[0] + 1, before[1])


def test_while_a_refresh_fails_the_old_response_is_served_until_it_expires(
    pair: ApiPair, before: tuple[int, int]
) -> None:
    store(pair, left_s=5.0)
    with httpx.Client(base_url=pair.one) as client, pair.marts.locked("player_character_win_rates"):
        began = time.monotonic()
        while time.monotonic() - began < 1.0:
            assert client.get(HEROES).content == OLD
    seconds_until(lambda: httpx.get(pair.one + HEROES).content != OLD)
    assert totals(pair)[1] == before[1] + 1
