"""A new generation is served everywhere within a second, and no response mixes two generations."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from random import Random

import httpx
import pytest
import redis

from serving.cache import keys
from serving.cache.publish import publish_cache
from serving.endpoints.generations import PublishedGeneration
from tests.conftest import Database
from tests.serving.conftest import ApiPair, api_of, redis_url
from tests.serving.http_clients import generation_of, seconds_until
from tests.serving.marts import Marts
from warehouse.core.errors import PublicationError
from warehouse.publication.generations import Generation

BOARD = "/api/v1/leaderboards/dota2_matches"
RENAME = "UPDATE leaderboard_entries SET display_name = %s"


def generation_in(url: str) -> int:
    return int(httpx.get(url).json()["meta"]["generation"])


def test_a_new_generation_is_served_by_every_process_within_a_second(pair: ApiPair, patience: float) -> None:
    urls = [base + BOARD for base in (pair.one, pair.other)]
    before = {generation_in(url) for url in urls}
    pair.marts.change_idle(RENAME, ["new"])
    generation = pair.publish()
    assert before == {generation - 1}
    assert seconds_until(lambda: {generation_in(url) for url in urls} == {generation}) < patience
    for url in urls:
        assert {entry["display_name"] for entry in httpx.get(url).json()["data"]} == {"new"}


def test_a_new_generation_has_a_new_tag(api: httpx.Client, pair: ApiPair) -> None:
    tag = api.get(BOARD).headers["etag"]
    generation = pair.publish()
    seconds_until(lambda: generation_of(pair.one) == generation)
    response = api.get(BOARD, headers={"If-None-Match": tag})
    assert response.status_code == 200
    assert response.headers["etag"] != tag


def test_a_generation_whose_publisher_died_is_found_and_announced(pair: ApiPair, patience: float) -> None:
    before = generation_in(pair.one + BOARD)
    generation = pair.marts.promote().generation
    assert before == generation - 1
    assert seconds_until(lambda: generation_in(pair.one + BOARD) == generation) < 3 * patience
    with redis.Redis.from_url(pair.redis_url) as cache:
        packed = cache.get(keys.pointer_key())
    assert isinstance(packed, bytes)
    assert PublishedGeneration.unpack(packed).generation == generation


def test_the_pointer_never_moves_back(marts: Marts) -> None:
    first = marts.promote()
    second = marts.promote()
    cache_url = redis_url(marts.database)
    for generation in (second, first, second, first):
        publish_cache(cache_url, generation)
        with redis.Redis.from_url(cache_url) as cache:
            packed = cache.get(keys.pointer_key())
        assert isinstance(packed, bytes)
        assert PublishedGeneration.unpack(packed) == PublishedGeneration.of(second)


def test_a_pointer_of_another_database_is_ignored(pair: ApiPair) -> None:
    publication = pair.marts.promote()
    published_at = publication.published_at
    foreign = Generation(publication.generation + 97, "blue", None, 0, published_at, published_at)
    publish_cache(pair.redis_url, foreign)
    seconds_until(lambda: generation_in(pair.one + BOARD) == publication.generation)
    time.sleep(0.5)
    assert generation_in(pair.one + BOARD) == publication.generation


def test_without_redis_the_publisher_reports_an_error() -> None:
    published_at = datetime(2026, 1, 1, tzinfo=UTC)
    generation = Generation(1, "blue", None, 0, published_at, published_at)
    with pytest.raises(PublicationError, match="Redis could not be notified"):
        publish_cache("redis://127.0.0.1:1/0", generation)


def test_responses_start_with_the_first_publication(database: Database, patience: float) -> None:
    marts = Marts(database)
    with api_of(database) as base:
        for path in (BOARD, "/readyz"):
            response = httpx.get(base + path)
            assert (response.status_code, response.json()["error"]["code"]) == (503, "not_published")
            assert int(response.headers["retry-after"]) > 0
        marts.create()
        publish_cache(redis_url(database), marts.promote())
        assert seconds_until(lambda: httpx.get(base + BOARD).status_code == 200) < patience


def test_no_response_mixes_generations_while_many_are_published(pair: ApiPair) -> None:
    """Every row names the generation in which it was written; hits and misses are read from two processes."""
    bases = (pair.one, pair.other)
    first = generation_of(pair.one) + 1
    pair.marts.change_idle(RENAME, [str(first)])
    assert pair.publish() == first
    done = threading.Event()
    mixed: list[str] = []
    seen: set[int] = set()
    counts = [0] * 6

    def read(number: int, base: str) -> None:
        random = Random(number)
        with httpx.Client(base_url=base) as client:
            while not done.is_set():
                # Half of the requests share one key, the others are mostly misses.
                limit = 50 if random.random() < 0.5 else random.randint(1, 500)
                response = client.get(BOARD, params={"limit": limit})
                body = response.json()
                if response.status_code != 200 or {row["display_name"] for row in body["data"]} != {
                    str(body["meta"]["generation"])
                }:
                    mixed.append(response.text[:300])
                counts[number] += 1
                seen.add(body["meta"]["generation"])

    seconds_until(lambda: {generation_in(base + BOARD) for base in bases} == {first})
    readers = [threading.Thread(target=read, args=(number, bases[number % 2])) for number in range(6)]
    for reader in readers:
        reader.start()
    try:
        for generation in range(first + 1, first + 31):
            pair.marts.change_idle(RENAME, [str(generation)])
            assert pair.publish() == generation
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert mixed == []
    assert sum(counts) > 500
    assert len(seen) > 20
