"""Under load, publications and outages delay readers only briefly: `--log-cli-level info` shows the times."""

from __future__ import annotations

import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from random import Random

import msgspec
import pytest
import redis

from serving.cache.publish import publish_cache
from serving.run import background
from tests.serving.conftest import ApiPair
from tests.serving.http_clients import generation_of, seconds_until
from tests.serving.marts import Marts
from tests.serving.proxies import Proxy
from tests.serving.sustained_reads import Reads, sustained_reads
from tests.serving.test_outages import Installation, installation, module_installation

__all__ = ["installation", "module_installation"]

RENAME = "UPDATE leaderboard_entries SET display_name = %s"
BOARD = "/api/v1/leaderboards/dota2_matches"
READS, PUBLICATIONS = 100_000, 50
HOT = 20
STEADY_S = 3.0
_logger = logging.getLogger(__name__)


class Row(msgspec.Struct):
    display_name: str


class Meta(msgspec.Struct):
    generation: int


class Body(msgspec.Struct):
    data: list[Row]
    meta: Meta


def publish_renamed(marts: Marts, redis_url: str, name: str) -> int:
    """Publish with one name for all entries; returns the generation."""
    marts.change_idle(RENAME, [name])
    generation = marts.promote()
    publish_cache(redis_url, generation, serving_url=marts.database.url("serving"))
    return generation.generation


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_thousand_reads_during_fifty_publications_are_correct(pair: ApiPair) -> None:
    """Every row names the generation in which it was written; pages and places are requested from two processes."""
    random = Random(7)
    bases = (pair.one, pair.other)
    newest: Counter[int] = Counter()

    def check(reader: int, body: bytes) -> str | None:
        found = msgspec.json.decode(body, type=Body)
        names = {row.display_name for row in found.data}
        if names != {str(found.meta.generation)}:
            return f"generation {found.meta.generation} with rows of {sorted(names)}"
        if found.meta.generation < newest[reader]:
            return f"generation {found.meta.generation} after {newest[reader]}"
        newest[reader] = found.meta.generation
        return None

    def next_path() -> str:
        if random.random() < 0.1:
            return f"{BOARD}/players/{random.randrange(HOT)}"
        return f"{BOARD}?limit={1 + random.randrange(HOT)}"

    # As in production, the publisher is another process than the readers.
    publisher = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def publish() -> int:
        name = str(generation_of(pair.one) + 1)
        generation = publisher.submit(publish_renamed, pair.marts, pair.redis_url, name).result()
        seconds_until(lambda: {generation_of(base) for base in bases} == {generation}, 5)
        return generation

    first = publish()
    with sustained_reads(bases, next_path, check=check):
        time.sleep(STEADY_S)
    with sustained_reads(bases, next_path, check=check) as steady:
        time.sleep(STEADY_S)
    took: list[float] = []
    with sustained_reads(bases, next_path, check=check) as reads:
        while len(took) < PUBLICATIONS or len(reads.seconds) < READS:
            began = time.perf_counter()
            publish()
            took.append(time.perf_counter() - began)
            time.sleep(0.2)
    publisher.shutdown()
    assert reads.failures == []
    assert steady.failures == []
    assert len(reads.seconds) >= READS
    assert min(newest.values()) >= first + PUBLICATIONS
    ratio = reads.percentile(99) / steady.percentile(99)
    _logger.info(
        "%d reads, %d publications of %.0f ms: p99 %.2f ms, steady %.2f ms, ratio %.2f",
        len(reads.seconds),
        len(took),
        1000 * sum(took) / len(took),
        1000 * reads.percentile(99),
        1000 * steady.percentile(99),
        ratio,
    )


@contextmanager
def killed(installation: Installation, proxy: Proxy) -> Iterator[None]:
    installation.kill("valkey")
    yield
    installation.restart()


@contextmanager
def flushed(installation: Installation, proxy: Proxy) -> Iterator[None]:
    with redis.Redis.from_url(installation.servers.redis_url) as cache:
        cache.flushall()
        yield
        cache.flushall()


@contextmanager
def full(installation: Installation, proxy: Proxy) -> Iterator[None]:
    with redis.Redis.from_url(installation.servers.redis_url) as cache:
        kept = cache.config_get("maxmemory*")
        cache.config_set("maxmemory-policy", "noeviction")
        cache.config_set("maxmemory", 1)
        try:
            yield
        finally:
            cache.config_set("maxmemory", kept["maxmemory"])
            cache.config_set("maxmemory-policy", kept["maxmemory-policy"])


@contextmanager
def slow(installation: Installation, proxy: Proxy) -> Iterator[None]:
    proxy.delay_s = 2.0
    yield
    proxy.delay_s = 0.0


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("outage", [killed, flushed, full, slow], ids=lambda outage: outage.__name__)
def test_a_redis_outage_under_load_causes_no_errors(
    installation: Installation, outage: Callable[[Installation, Proxy], Iterator[None]]
) -> None:
    """All requests are new, so PostgreSQL is queried for each, with and without Redis."""
    numbers = itertools.count(time.time_ns())

    def new_path() -> str:
        return f"/api/v1/heroes/win-rates?patch_id={next(numbers)}"

    def is_stored() -> bool:
        number = next(numbers)
        assert installation.client.get(f"{base}/api/v1/heroes/win-rates?patch_id={number}").status_code == 200
        with redis.Redis.from_url(installation.servers.redis_url) as cache:
            return bool(cache.keys(f"ladder:*patch_id={number}"))

    def throughput(reads: Reads, seconds: float) -> float:
        assert reads.failures == []
        assert len(reads.seconds) > 50 * seconds, "hardly any request succeeded"
        return len(reads.seconds) / seconds

    with (
        Proxy(installation.servers.redis_url).running() as proxy,
        background(installation.settings, installation.database.url("serving"), proxy.url) as base,
    ):
        seconds_until(is_stored)
        with sustained_reads([base], new_path) as reads:
            time.sleep(STEADY_S)
        with_redis = throughput(reads, STEADY_S)
        with outage(installation, proxy), sustained_reads([base], new_path) as reads:
            time.sleep(STEADY_S)
        without = throughput(reads, STEADY_S)
        recovery = seconds_until(is_stored)
        assert recovery < 2
    _logger.info("%s: %.2f x the throughput, back in %.2f s", outage.__name__, without / with_redis, recovery)
