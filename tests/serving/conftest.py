"""Published marts, and an API over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx
import pytest

from serving.publish import publish_cache
from serving.run import background
from tests.conftest import Database
from tests.serving.marts import Marts


def redis_url(database: Database) -> str:
    """Where the test's own cache is."""
    assert database.settings.redis_url is not None
    return database.settings.redis_url.get_secret_value()


def api_of(database: Database, *, workers: int = 1) -> AbstractContextManager[str]:
    """A serving process over a database."""
    return background(database.settings, database.url("serving"), redis_url(database), workers=workers)


@pytest.fixture
def marts(database: Database) -> Marts:
    """Marts of a fresh database, published as generation 1."""
    marts = Marts(database)
    marts.create()
    publish_cache(redis_url(database), marts.turn())
    return marts


@pytest.fixture
def api(marts: Marts) -> Iterator[httpx.Client]:
    """A client of an API over `marts`."""
    with api_of(marts.database) as base, httpx.Client(base_url=base) as client:
        yield client


@pytest.fixture(scope="module")
def reader(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[httpx.Client]:
    """A client of an API whose marts no test of the module changes."""
    with create_database() as database:
        marts = Marts(database)
        marts.create()
        publish_cache(redis_url(database), marts.turn())
        with api_of(database) as base, httpx.Client(base_url=base) as client:
            yield client
