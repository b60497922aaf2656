"""Outages degrade: without Redis PostgreSQL answers, without PostgreSQL the cache does and says so."""

from __future__ import annotations

import itertools
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Literal

import httpx
import psutil
import pytest
import redis

from ingestion.sources.opendota.source import SOURCE
from serving.cache import keys
from serving.cache.publish import publish_cache
from serving.run import background
from tests.conftest import Database
from tests.serving.http_clients import count, generation_of, queries, seconds_until
from tests.serving.marts import Marts
from tests.serving.proxies import Proxy
from warehouse.core.settings import Settings
from warehouse.embedded import running
from warehouse.schema.migrate import migrate

PLAYER = "/api/v1/players/dota2/101"
BOARD = "/api/v1/leaderboards/dota2_matches"
ServerName = Literal["postgres", "valkey"]


class Installation:
    """Servers of a home of their own, which tests may break, marts in them, and an API that outlives it all."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self._stack = ExitStack()
        self._numbers = itertools.count()

    def __enter__(self) -> Installation:
        self.servers = self._stack.enter_context(running(self.settings))
        migrate(self.settings, self.servers.database_url, [SOURCE])
        self.database = Database(admin_url=self.servers.database_url, settings=self.settings)
        self.marts = Marts(self.database)
        self.marts.create()
        publish_cache(self.servers.redis_url, self.marts.turn())
        self.api = self._stack.enter_context(self.new_api())
        self.client = self._stack.enter_context(httpx.Client(base_url=self.api, timeout=30))
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("postgres", "valkey"):
            for process in self.processes(name):
                process.resume()
        self._stack.close()

    def new_api(self) -> AbstractContextManager[str]:
        return background(self.settings, self.database.url("serving"), self.servers.redis_url)

    def processes(self, name: str) -> list[psutil.Process]:
        pid = int((self.settings.home / "servers" / f"{name}.server").read_text().split()[0])
        if not psutil.pid_exists(pid):
            return []
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]

    def kill(self, name: ServerName) -> None:
        for process in self.processes(name):
            process.send_signal(signal.SIGKILL)

    def freeze(self, name: ServerName) -> None:
        for process in self.processes(name):
            process.suspend()

    def thaw(self, name: ServerName) -> None:
        for process in self.processes(name):
            process.resume()

    def restart(self) -> None:
        """Start whatever was killed, on the port it had."""
        self._stack.enter_context(running(self.settings))

    def recover(self) -> None:
        """Bring everything up, and publish a generation of which nothing is cached."""
        self.thaw("postgres")
        self.thaw("valkey")
        self.restart()
        generation = self.publish()

        def is_whole() -> bool:
            answer = self.get(self.unseen())
            with redis.Redis.from_url(self.servers.redis_url) as cache:
                is_stored = any(cache.scan_iter(f"ladder:*:{generation}-*"))
            return answer.status_code == 200 and is_stored and generation_of(self.api) == generation

        seconds_until(is_whole)

    def publish(self) -> int:
        """Publish the idle colour; returns the generation."""
        generation = self.marts.turn()
        publish_cache(self.servers.redis_url, generation)
        return generation.generation

    def unseen(self) -> str:
        """A request that was never answered, so that not even a stale answer is there; reads character_win_rates."""
        return f"/api/v1/heroes/win-rates?patch_id={next(self._numbers)}"

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)


@pytest.fixture(scope="module")
def module_installation() -> Iterator[Installation]:
    home = Path(tempfile.mkdtemp(prefix="ladder-outage-"))
    home.chmod(0o755)
    try:
        with Installation(home) as installation:
            yield installation
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def installation(module_installation: Installation) -> Installation:
    """Recovered from what the test before did to it."""
    module_installation.recover()
    return module_installation


POSTGRESQL_IS_GONE = "postgresql: cannot be reached; cached responses are served, marked stale"
STALE = 'ladder_answers_total{tier="stale"}'


def degraded(base: str) -> list[str]:
    """What `/readyz` of a process that is ready says is missing."""
    answer = httpx.get(f"{base}/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    found: list[str] = answer.json().get("degraded", [])
    return found


def is_stale(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("x-ladder-stale") == "1")


def test_without_redis_postgresql_answers_and_publications_are_still_seen(
    installation: Installation, patience: float
) -> None:
    before = queries(installation.api)
    installation.kill("valkey")
    for limit in range(1, 30):
        answer = installation.get(f"{BOARD}?limit={limit}")
        assert answer.status_code == 200
        assert not is_stale(answer)
    assert queries(installation.api) == before + 29
    ready = installation.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert ready.json()["degraded"] == ["redis: cannot be reached; PostgreSQL is queried"]
    generation = installation.marts.turn().generation
    assert seconds_until(lambda: installation.get(PLAYER).json()["meta"]["generation"] == generation) < 1.5 * patience


def test_redis_is_used_again_within_two_seconds_of_its_return(installation: Installation, patience: float) -> None:
    installation.kill("valkey")
    assert installation.get(PLAYER).status_code == 200
    installation.restart()

    def is_stored() -> bool:
        installation.get(installation.unseen())
        with redis.Redis.from_url(installation.servers.redis_url) as cache:
            return any(cache.scan_iter("ladder:*:character_win_rates:*"))

    assert seconds_until(is_stored) < 2 * patience
    assert "degraded" not in installation.get("/readyz").json()


def test_a_redis_that_hangs_costs_a_few_requests_a_moment_and_the_rest_nothing(
    installation: Installation, patience: float
) -> None:
    installation.freeze("valkey")
    times = []
    for limit in range(1, 60):
        began = time.monotonic()
        assert installation.get(f"{BOARD}?limit={limit}").status_code == 200
        times.append(time.monotonic() - began)
    assert max(times) < 2 * patience
    assert sum(seconds > 0.2 * patience for seconds in times) <= 3
    installation.thaw("valkey")
    seconds_until(lambda: installation.get(f"{BOARD}?limit=100").status_code == 200)


def test_a_redis_that_is_slow_by_two_seconds_costs_a_few_requests_a_moment(
    installation: Installation, patience: float
) -> None:
    with (
        Proxy(installation.servers.redis_url).running() as proxy,
        background(installation.settings, installation.database.url("serving"), proxy.url) as base,
        httpx.Client(base_url=base, timeout=30) as client,
    ):
        generation = generation_of(installation.api)
        seconds_until(lambda: generation_of(base) == generation)
        proxy.delay_s = 2.0
        times = []
        for _ in range(60):
            began = time.monotonic()
            answer = client.get(installation.unseen())
            assert answer.status_code == 200
            assert not is_stale(answer)
            times.append(time.monotonic() - began)
        assert max(times) < 2 * patience
        assert sum(seconds > 0.2 * patience for seconds in times) <= 3
        proxy.delay_s = 0.0

        def is_stored() -> bool:
            path = installation.unseen()
            client.get(path)
            with redis.Redis.from_url(installation.servers.redis_url) as cache:
                return bool(cache.keys(f"ladder:*{path.partition('?')[2]}"))

        assert seconds_until(is_stored) < 2 * patience


def test_an_emptied_redis_is_filled_again(installation: Installation, patience: float) -> None:
    first = installation.get(PLAYER)
    with redis.Redis.from_url(installation.servers.redis_url) as cache:
        cache.flushall()
        assert installation.get(PLAYER).content == first.content
        assert seconds_until(lambda: any(cache.scan_iter("ladder:*:generation"))) < patience


def test_a_full_redis_refuses_to_store_and_answers_go_out_all_the_same(installation: Installation) -> None:
    with redis.Redis.from_url(installation.servers.redis_url) as cache:
        kept = cache.config_get("maxmemory*")
        cache.config_set("maxmemory-policy", "noeviction")
        cache.config_set("maxmemory", 1)
        try:
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                cache.set("anything", "else")
            for limit in range(1, 20):
                assert installation.get(f"{BOARD}?limit={limit}").status_code == 200
        finally:
            cache.config_set("maxmemory", kept["maxmemory"])
            cache.config_set("maxmemory-policy", kept["maxmemory-policy"])


def test_without_postgresql_cached_answers_serve_marked_stale_and_others_say_when_to_ask_again(
    installation: Installation, patience: float
) -> None:
    first = installation.get(PLAYER)
    assert not is_stale(first)
    installation.kill("postgres")
    seconds_until(lambda: degraded(installation.api) == [POSTGRESQL_IS_GONE])
    answer = installation.get(PLAYER)
    assert (answer.status_code, answer.content) == (200, first.content)
    assert is_stale(answer)
    assert answer.headers["warning"].startswith("110")
    assert int(answer.headers["age"]) >= 0
    # Who keeps it keeps it for five seconds more.
    assert answer.headers["cache-control"] == f"public, max-age={int(answer.headers['age']) + 5}"
    tagged = httpx.get(installation.api + PLAYER, headers={"If-None-Match": first.headers["etag"]})
    assert tagged.status_code == 304
    assert is_stale(tagged)
    began = time.monotonic()
    unseen = installation.unseen()
    refused = installation.get(unseen)
    assert time.monotonic() - began < patience
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "database_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert installation.get("/healthz").status_code == 200
    installation.restart()
    assert seconds_until(lambda: installation.get(unseen).status_code == 200) < 3 * patience
    assert not is_stale(installation.get(PLAYER))
    assert degraded(installation.api) == []


def test_each_answer_that_is_marked_stale_is_counted_as_stale_and_as_nothing_else(installation: Installation) -> None:
    memory = 'ladder_answers_total{tier="memory"}'
    paths = [PLAYER, f"{BOARD}?limit=3", f"{PLAYER}?"]
    for path in paths:
        installation.get(path)
    installation.kill("postgres")
    seconds_until(lambda: is_stale(installation.get(PLAYER)))
    before = [count(installation.api, name) for name in (STALE, memory)]
    assert all(is_stale(installation.get(path)) for path in paths * 2)
    assert [count(installation.api, name) for name in (STALE, memory)] == [before[0] + 6, before[1]]


def test_the_request_that_finds_postgresql_gone_is_answered_from_the_generation_before(
    installation: Installation,
) -> None:
    before = count(installation.api, STALE)
    first = installation.get(PLAYER)
    generation = installation.publish()
    seconds_until(lambda: generation_of(installation.api) == generation)
    installation.kill("postgres")
    answer = installation.get(PLAYER)
    assert (answer.status_code, answer.content) == (200, first.content)
    assert is_stale(answer)
    assert count(installation.api, STALE) > before


def test_a_process_that_begins_without_postgresql_serves_what_redis_holds(installation: Installation) -> None:
    first = installation.get(PLAYER)
    installation.kill("postgres")
    with installation.new_api() as base:
        answer = httpx.get(base + PLAYER)
        assert (answer.status_code, answer.content) == (200, first.content)
        assert is_stale(answer)
        assert degraded(base) == [POSTGRESQL_IS_GONE]
        assert httpx.get(base + installation.unseen()).status_code == 503


def test_with_both_gone_memory_serves(installation: Installation) -> None:
    first = installation.get(PLAYER)
    installation.kill("valkey")
    installation.kill("postgres")
    redis_is_gone = "redis: cannot be reached; responses in memory are served"
    seconds_until(lambda: degraded(installation.api) == [POSTGRESQL_IS_GONE, redis_is_gone])
    assert installation.get(PLAYER).content == first.content
    assert installation.get(installation.unseen()).status_code == 503
    with installation.new_api() as empty:
        refused = httpx.get(f"{empty}/readyz")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "database_unavailable")


def test_a_postgresql_that_hangs_is_given_up_in_time(installation: Installation, patience: float) -> None:
    first = installation.get(PLAYER)
    installation.freeze("postgres")
    seconds_until(lambda: degraded(installation.api) == [POSTGRESQL_IS_GONE])
    assert installation.get(PLAYER).content == first.content
    began = time.monotonic()
    assert installation.get(installation.unseen()).status_code == 503
    assert time.monotonic() - began < patience
    installation.thaw("postgres")
    assert seconds_until(lambda: installation.get(installation.unseen()).status_code == 200) < 15 * patience


def test_who_waits_for_another_process_hears_of_an_outage_before_it_does(
    installation: Installation, patience: float
) -> None:
    waits = "ladder_flight_waits_total"
    with installation.new_api() as other, ThreadPoolExecutor(2) as executor:
        seconds_until(lambda: generation_of(other) == generation_of(installation.api))
        unseen = installation.unseen()
        installation.freeze("postgres")
        with redis.Redis.from_url(installation.servers.redis_url) as cache:
            holding = executor.submit(httpx.get, other + unseen, timeout=30)
            seconds_until(lambda: any(cache.scan_iter(keys.lock_key("ladder:*:character_win_rates:*"))))
        before, began = count(installation.api, waits), time.monotonic()
        refused = installation.get(unseen)
        assert time.monotonic() - began < 5 * patience
        assert refused.json()["error"]["code"] == "database_unavailable"
        assert count(installation.api, waits) == before + 1
        assert not holding.done()
        installation.thaw("postgres")


def test_a_query_that_takes_too_long_is_refused_and_others_go_on(installation: Installation, patience: float) -> None:
    assert installation.get(PLAYER).status_code == 200
    with (
        installation.marts.locked("character_win_rates"),
        httpx.Client(base_url=installation.api, timeout=30) as client,
    ):
        began = time.monotonic()
        unseen = installation.unseen()
        refused = client.get(unseen)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "query_timeout")
        assert 2 < time.monotonic() - began < 6 * patience
        assert client.get(f"{PLAYER}/heroes").status_code == 200
    assert installation.get(unseen).status_code == 200
