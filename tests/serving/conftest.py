"""Published marts, and APIs over them. Processes take seconds to start, so tests share those that they do not break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from serving.cache.publish import publish_cache
from serving.run import background
from tests.conftest import Database
from tests.serving.http_clients import generation_of, seconds_until
from tests.serving.marts import Marts


def redis_url(database: Database) -> str:
    """URL of the test's cache."""
    assert database.settings.redis_url is not None
    return database.settings.redis_url.get_secret_value()


def api_of(database: Database, *, workers: int = 1, **settings: Any) -> AbstractContextManager[str]:
    """A serving process over a database, with its own settings."""
    changed = database.settings.model_copy(update=settings)
    return background(changed, database.url("serving"), redis_url(database), workers=workers)


@dataclass(frozen=True)
class ApiPair:
    """Two serving processes over the same marts and cache.

    Attributes:
        marts: the marts, which tests may change and publish.
        one: base URL.
        other: base URL.
    """

    marts: Marts
    one: str
    other: str

    @property
    def redis_url(self) -> str:
        """URL of their cache."""
        return redis_url(self.marts.database)

    def publish(self) -> int:
        """Publish the idle colour; returns the generation."""
        generation = self.marts.promote()
        publish_cache(self.redis_url, generation)
        return generation.generation


@pytest.fixture
def marts(database: Database) -> Marts:
    """Marts of a fresh database, published as generation 1."""
    marts = Marts(database)
    marts.create()
    publish_cache(redis_url(database), marts.promote())
    return marts


@pytest.fixture(scope="session")
def reader_marts(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Marts]:
    """Marts that no test changes."""
    with create_database() as database:
        marts = Marts(database)
        marts.create()
        publish_cache(redis_url(database), marts.promote())
        yield marts


@pytest.fixture(scope="session")
def reader(reader_marts: Marts) -> Iterator[httpx.Client]:
    """A client of an API whose marts no test changes."""
    with api_of(reader_marts.database) as base, httpx.Client(base_url=base) as client:
        yield client


@pytest.fixture(scope="session")
def _processes(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[ApiPair]:
    with create_database() as database:
        marts = Marts(database)
        marts.create()
        publish_cache(redis_url(database), marts.promote())
        with api_of(database) as one, api_of(database) as other:
            yield ApiPair(marts, one, other)


@pytest.fixture
def pair(_processes: ApiPair) -> ApiPair:
    """Two processes that serve a generation of which nothing is cached; their counters are not reset.

    Both colours hold the same rows.
    """
    for _ in ("blue", "green"):
        _processes.marts.restore_idle()
        generation = _processes.publish()
    seconds_until(lambda: {generation_of(base) for base in (_processes.one, _processes.other)} == {generation})
    return _processes


@pytest.fixture
def api(pair: ApiPair) -> Iterator[httpx.Client]:
    """A client of one of the pair."""
    with httpx.Client(base_url=pair.one) as client:
        yield client
