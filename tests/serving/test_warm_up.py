"""Hot requests are loaded before a new generation is announced, and serving does not depend on it."""

from __future__ import annotations

import time

import httpx
import pytest
import redis

from serving.cache import keys
from serving.cache.publish import publish_cache
from serving.endpoints.generations import PublishedGeneration
from tests.conftest import Database
from tests.serving.conftest import ApiPair, redis_url
from tests.serving.http_clients import count, generation_of, queries, seconds_until
from tests.serving.marts import Marts
from warehouse.publication.generations import Generation

BOARD = "/api/v1/leaderboards/dota2_matches"
MATCHES = "/api/v1/players/dota2/101/matches?significant=true&limit=20"
SINCE = "/api/v1/heroes/win-rates?since=2026-01-02"
FOUND = 'ladder_answers_total{tier="redis"}'


def hot_requests(pair: ApiPair) -> list[bytes]:
    with redis.Redis.from_url(pair.redis_url) as cache:
        found = cache.zrange(keys.hot_requests_key(), 0, -1)
    assert isinstance(found, list)
    return found


def request_until_hot(pair: ApiPair, *paths: str) -> None:
    """Request some paths until the processes have reported them as hot."""
    with redis.Redis.from_url(pair.redis_url) as cache:
        cache.delete(keys.hot_requests_key())
    with httpx.Client(base_url=pair.one) as client:

        def is_reported() -> bool:
            for path in paths:
                assert client.get(path).status_code == 200
            return len(hot_requests(pair)) >= len(paths)

        seconds_until(is_reported)


def publish(pair: ApiPair, serving_url: str | None = None) -> Generation:
    generation = pair.marts.promote()
    publish_cache(pair.redis_url, generation, serving_url=serving_url or pair.marts.database.url("serving"))
    return generation


def publish_ready(pair: ApiPair, count: int) -> int:
    """Publish until at least some responses are warmed up; a busy machine may need several attempts."""
    for _ in range(5):
        generation = publish(pair)
        with redis.Redis.from_url(pair.redis_url) as cache:
            ready = list(cache.scan_iter(f"ladder:*:{generation.generation}-*:/*"))
        if len(ready) >= count:
            break
    return generation.generation


def test_hot_requests_need_no_query_in_the_next_generation(pair: ApiPair) -> None:
    paths = (BOARD, MATCHES, SINCE)
    cursor = httpx.get(pair.one + MATCHES).json()["meta"]["next"]
    paths = (*paths, f"{MATCHES}&cursor={cursor}")
    request_until_hot(pair, *paths)
    expected = [httpx.get(pair.one + path).json()["data"] for path in paths]
    generation = publish_ready(pair, len(paths))
    seconds_until(lambda: {generation_of(base) for base in (pair.one, pair.other)} == {generation})
    before = queries(pair.one), queries(pair.other), count(pair.other, FOUND)
    for base in (pair.one, pair.other):
        responses = [httpx.get(base + path).json() for path in paths]
        assert [response["data"] for response in responses] == expected
        assert {response["meta"]["generation"] for response in responses} == {generation}
    assert (queries(pair.one), queries(pair.other)) == before[:2]
    assert count(pair.other, FOUND) == before[2] + len(paths)


def test_readers_keep_the_old_generation_until_the_announcement(pair: ApiPair, patience: float) -> None:
    request_until_hot(pair, BOARD)
    before = generation_of(pair.one)
    pair.marts.promote()
    began = time.monotonic()
    while time.monotonic() - began < 0.6:
        assert httpx.get(pair.one + BOARD).json()["meta"]["generation"] == before
    # The wait for a dead publisher is short.
    assert seconds_until(lambda: generation_of(pair.one) == before + 1) < 2.5 * patience


def test_a_miss_moves_only_its_own_process_to_a_new_generation(pair: ApiPair, patience: float) -> None:
    before = httpx.get(pair.other + BOARD).json()["meta"]["generation"]
    pair.marts.promote()
    assert httpx.get(pair.one + SINCE).json()["meta"]["generation"] == before + 1
    began = time.monotonic()
    while time.monotonic() - began < 0.6:
        assert httpx.get(pair.other + BOARD).json()["meta"]["generation"] == before
    assert seconds_until(lambda: generation_of(pair.other) == before + 1) < 4 * patience


def test_requests_out_of_use_leave_the_list(pair: ApiPair) -> None:
    request_until_hot(pair, BOARD)
    for _ in range(12):
        publish(pair)
    assert hot_requests(pair) == []


def test_a_slow_warm_up_does_not_delay_the_publication(pair: ApiPair, patience: float) -> None:
    request_until_hot(pair, SINCE, BOARD)
    before = generation_of(pair.one)
    generation = pair.marts.promote()
    with pair.marts.locked("character_win_rates"):
        began = time.monotonic()
        publish_cache(pair.redis_url, generation, serving_url=pair.marts.database.url("serving"))
        assert time.monotonic() - began < 2 * patience
        assert seconds_until(lambda: generation_of(pair.one) == before + 1) < patience
    assert httpx.get(pair.one + SINCE).json()["meta"]["generation"] == before + 1


@pytest.mark.parametrize("poison", [b"\xc1", b"\x94\xa4none\xa1x\x80\xc0"])
def test_a_failed_warm_up_does_not_fail_the_publication(pair: ApiPair, poison: bytes) -> None:
    with redis.Redis.from_url(pair.redis_url) as cache:
        cache.zadd(keys.hot_requests_key(), {poison: 1e9})
    generation = publish(pair).generation
    seconds_until(lambda: generation_of(pair.one) == generation)
    with redis.Redis.from_url(pair.redis_url) as cache:
        cache.delete(keys.hot_requests_key())


def test_without_postgresql_the_pointer_still_moves(database: Database) -> None:
    marts = Marts(database)
    marts.create()
    generation = marts.promote()
    publish_cache(redis_url(database), generation, serving_url="postgresql://nobody@127.0.0.1:1/nowhere")
    with redis.Redis.from_url(redis_url(database)) as cache:
        packed = cache.get(keys.pointer_key())
    assert isinstance(packed, bytes)
    assert PublishedGeneration.unpack(packed) == PublishedGeneration.of(generation)
