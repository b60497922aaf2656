"""What is in use is made again before its age is over: by one process, in the background, once."""

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
    """An answer in Redis, of the published generation, whose age is over in so many seconds."""
    with redis.Redis.from_url(pair.redis_url) as cache:
        packed = cache.get(keys.pointer_key())
        assert isinstance(packed, bytes)
        request = CanonicalRequest(ENDPOINT, "/players/dota2/101/heroes", {}, None)
        key = keys.CacheKey(PublishedGeneration.unpack(packed), request).name
        created_at = time.time() - ENDPOINT.max_age_s + left_s
        cache.set(key, StoredBody(created_at, OLD, 1).pack(), ex=STALE_LIMIT_S)


@pytest.fixture
def before(pair: ApiPair) -> tuple[int, int]:
    """Queries and refreshes of both processes so far."""
    return totals(pair)


def totals(pair: ApiPair) -> tuple[int, int]:
    bases = (pair.one, pair.other)
    return sum(map(queries, bases)), sum(count(base, REFRESHES) for base in bases)


def test_a_hot_answer_is_made_again_once_over_two_processes_and_nobody_waits(
    pair: ApiPair, before: tuple[int, int]
) -> None:
    # An hour's age: its last second is all but sure to lie behind the moment that a process drew from its last part.
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


def test_a_young_answer_is_left_alone(pair: ApiPair, before: tuple[int, int]) -> None:
    store(pair, left_s=ENDPOINT.max_age_s * 0.9)
    for _ in range(20):
        assert httpx.get(pair.one + HEROES).content == OLD
    assert totals(pair) == before


def test_what_nobody_asks_for_is_not_made_again(pair: ApiPair, before: tuple[int, int]) -> None:
    store(pair, left_s=0.8)
    assert httpx.get(pair.one + HEROES).content == OLD
    time.sleep(1.0)
    assert totals(pair) == before


def test_an_answer_that_is_too_old_is_not_sent(pair: ApiPair, before: tuple[int, int]) -> None:
    store(pair, left_s=-1.0)
    assert httpx.get(pair.one + HEROES).content != OLD
    assert totals(pair) == (before[0] + 1, before[1])


def test_while_an_answer_cannot_be_made_again_the_old_one_serves_to_its_end(
    pair: ApiPair, before: tuple[int, int]
) -> None:
    store(pair, left_s=5.0)
    with httpx.Client(base_url=pair.one) as client, pair.marts.locked("player_character_win_rates"):
        began = time.monotonic()
        while time.monotonic() - began < 1.0:
            assert client.get(HEROES).content == OLD
    seconds_until(lambda: httpx.get(pair.one + HEROES).content != OLD)
    assert totals(pair)[1] == before[1] + 1
