"""Outages degrade the service: without Redis PostgreSQL is queried, without PostgreSQL the cache is served as stale."""

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
    """Servers in their own home that tests may break, with marts, and an API that survives the outages."""

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
        publish_cache(self.servers.redis_url, self.marts.promote())
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
        """Restart killed servers on their ports."""
        self._stack.enter_context(running(self.settings))

    def recover(self) -> None:
        """Restart everything, and publish a generation of which nothing is cached."""
        self.thaw("postgres")
        self.thaw("valkey")
        self.restart()
        generation = self.publish()

        def is_whole() -> bool:
            response = self.get(self.new_path())
            with redis.Redis.from_url(self.servers.redis_url) as cache:
                is_stored = any(cache.scan_iter(f"ladder:*:{generation}-*"))
            return response.status_code == 200 and is_stored and generation_of(self.api) == generation

        seconds_until(is_whole)

    def publish(self) -> int:
        """Publish the idle colour; returns the generation."""
        generation = self.marts.promote()
        publish_cache(self.servers.redis_url, generation)
        return generation.generation

    def new_path(self) -> str:
        """A path that was never requested, so that no stale response exists; reads character_win_rates."""
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
    """The installation, recovered from the previous test."""
    module_installation.recover()
    return module_installation


POSTGRESQL_DOWN = "postgresql: cannot be reached; cached responses are served, marked stale"
STALE = 'ladder_answers_total{tier="stale"}'


def degraded(base: str) -> list[str]:
    """The degraded parts in the `/readyz` report of a ready process."""
    response = httpx.get(f"{base}/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "ready")
    found: list[str] = response.json().get("degraded", [])
    return found


def is_stale(response: httpx.Response) -> bool:
    return bool(response.headers.get("x-ladder-stale") == "1")


def test_without_redis_postgresql_is_queried_and_new_generations_are_served(
    installation: Installation, patience: float
) -> None:
    before = queries(installation.api)
    installation.kill("valkey")
    for limit in range(1, 30):
        response = installation.get(f"{BOARD}?limit={limit}")
        assert response.status_code == 200
        assert not is_stale(response)
    assert queries(installation.api) == before + 29
    ready = installation.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert ready.json()["degraded"] == ["redis: cannot be reached; PostgreSQL is queried"]
    generation = installation.marts.promote().generation
    assert seconds_until(lambda: installation.get(PLAYER).json()["meta"]["generation"] == generation) < 1.5 * patience


def test_redis_is_used_again_within_two_seconds_of_its_return(installation: Installation, patience: float) -> None:
    installation.kill("valkey")
    assert installation.get(PLAYER).status_code == 200
    installation.restart()

    def is_stored() -> bool:
        installation.get(installation.new_path())
        with redis.Redis.from_url(installation.servers.redis_url) as cache:
            return any(cache.scan_iter("ladder:*:character_win_rates:*"))

    assert seconds_until(is_stored) < 2 * patience
    assert "degraded" not in installation.get("/readyz").json()


def test_a_hung_redis_delays_only_a_few_requests(installation: Installation, patience: float) -> None:
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


def test_a_slow_redis_delays_only_a_few_requests(installation: Installation, patience: float) -> None:
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
            response = client.get(installation.new_path())
            assert response.status_code == 200
            assert not is_stale(response)
            times.append(time.monotonic() - began)
        assert max(times) < 2 * patience
        assert sum(seconds > 0.2 * patience for seconds in times) <= 3
        proxy.delay_s = 0.0

        def is_stored() -> bool:
            path = installation.new_path()
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


def test_a_full_redis_rejects_writes_and_requests_still_succeed(installation: Installation) -> None:
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


def test_without_postgresql_cached_responses_are_served_stale_and_others_get_a_retry_time(
    installation: Installation, patience: float
) -> None:
    first = installation.get(PLAYER)
    assert not is_stale(first)
    installation.kill("postgres")
    seconds_until(lambda: degraded(installation.api) == [POSTGRESQL_DOWN])
    response = installation.get(PLAYER)
    assert (response.status_code, response.content) == (200, first.content)
    assert is_stale(response)
    assert response.headers["warning"].startswith("110")
    assert int(response.headers["age"]) >= 0
    # Caches may keep it for five more seconds.
    assert response.headers["cache-control"] == f"public, max-age={int(response.headers['age']) + 5}"
    tagged = httpx.get(installation.api + PLAYER, headers={"If-None-Match": first.headers["etag"]})
    assert tagged.status_code == 304
    assert is_stale(tagged)
    began = time.monotonic()
    new_path = installation.new_path()
    rejected = installation.get(new_path)
    assert time.monotonic() - began < patience
    assert (rejected.status_code, rejected.json()["error"]["code"]) == (503, "database_unavailable")
    assert int(rejected.headers["retry-after"]) > 0
    assert installation.get("/healthz").status_code == 200
    installation.restart()
    assert seconds_until(lambda: installation.get(new_path).status_code == 200) < 3 * patience
    assert not is_stale(installation.get(PLAYER))
    assert degraded(installation.api) == []


def test_each_stale_response_is_counted_as_stale_only(installation: Installation) -> None:
    memory = 'ladder_answers_total{tier="memory"}'
    paths = [PLAYER, f"{BOARD}?limit=3", f"{PLAYER}?"]
    for path in paths:
        installation.get(path)
    installation.kill("postgres")
    seconds_until(lambda: is_stale(installation.get(PLAYER)))
    before = [count(installation.api, name) for name in (STALE, memory)]
    assert all(is_stale(installation.get(path)) for path in paths * 2)
    assert [count(installation.api, name) for name in (STALE, memory)] == [before[0] + 6, before[1]]


def test_the_first_request_of_an_outage_is_served_from_the_previous_generation(
    installation: Installation,
) -> None:
    before = count(installation.api, STALE)
    first = installation.get(PLAYER)
    generation = installation.publish()
    seconds_until(lambda: generation_of(installation.api) == generation)
    installation.kill("postgres")
    response = installation.get(PLAYER)
    assert (response.status_code, response.content) == (200, first.content)
    assert is_stale(response)
    assert count(installation.api, STALE) > before


def test_a_process_started_without_postgresql_serves_from_redis(installation: Installation) -> None:
    first = installation.get(PLAYER)
    installation.kill("postgres")
    with installation.new_api() as base:
        response = httpx.get(base + PLAYER)
        assert (response.status_code, response.content) == (200, first.content)
        assert is_stale(response)
        assert degraded(base) == [POSTGRESQL_DOWN]
        assert httpx.get(base + installation.new_path()).status_code == 503


def test_without_redis_and_postgresql_memory_is_served(installation: Installation) -> None:
    first = installation.get(PLAYER)
    installation.kill("valkey")
    installation.kill("postgres")
    redis_down = "redis: cannot be reached; responses in memory are served"
    seconds_until(lambda: degraded(installation.api) == [POSTGRESQL_DOWN, redis_down])
    assert installation.get(PLAYER).content == first.content
    assert installation.get(installation.new_path()).status_code == 503
    with installation.new_api() as empty:
        rejected = httpx.get(f"{empty}/readyz")
        assert (rejected.status_code, rejected.json()["error"]["code"]) == (503, "database_unavailable")


def test_a_hung_postgresql_is_abandoned_in_time(installation: Installation, patience: float) -> None:
    first = installation.get(PLAYER)
    installation.freeze("postgres")
    seconds_until(lambda: degraded(installation.api) == [POSTGRESQL_DOWN])
    assert installation.get(PLAYER).content == first.content
    began = time.monotonic()
    assert installation.get(installation.new_path()).status_code == 503
    assert time.monotonic() - began < patience
    installation.thaw("postgres")
    assert seconds_until(lambda: installation.get(installation.new_path()).status_code == 200) < 15 * patience


def test_a_request_that_waits_for_a_lock_fails_before_the_lock_holder_in_an_outage(
    installation: Installation, patience: float
) -> None:
    waits = "ladder_flight_waits_total"
    with installation.new_api() as other, ThreadPoolExecutor(2) as executor:
        seconds_until(lambda: generation_of(other) == generation_of(installation.api))
        new_path = installation.new_path()
        installation.freeze("postgres")
        with redis.Redis.from_url(installation.servers.redis_url) as cache:
            holding = executor.submit(httpx.get, other + new_path, timeout=30)
            seconds_until(lambda: any(cache.scan_iter(keys.lock_key("ladder:*:character_win_rates:*"))))
        before, began = count(installation.api, waits), time.monotonic()
        rejected = installation.get(new_path)
        assert time.monotonic() - began < 5 * patience
        assert rejected.json()["error"]["code"] == "database_unavailable"
        assert count(installation.api, waits) == before + 1
        assert not holding.done()
        installation.thaw("postgres")


def test_a_slow_query_times_out_and_other_requests_succeed(installation: Installation, patience: float) -> None:
    assert installation.get(PLAYER).status_code == 200
    with (
        installation.marts.locked("character_win_rates"),
        httpx.Client(base_url=installation.api, timeout=30) as client,
    ):
        began = time.monotonic()
        new_path = installation.new_path()
        rejected = client.get(new_path)
        assert (rejected.status_code, rejected.json()["error"]["code"]) == (503, "query_timeout")
        assert 2 < time.monotonic() - began < 6 * patience
        assert client.get(f"{PLAYER}/heroes").status_code == 200
    assert installation.get(new_path).status_code == 200
