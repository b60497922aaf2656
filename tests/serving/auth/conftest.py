"""APIs with different access rules over the same marts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from serving.cache.publish import publish_cache
from tests.conftest import Database
from tests.serving.conftest import api_of, redis_url
from tests.serving.http_clients import seconds_until
from tests.serving.marts import Marts
from warehouse.database.connections import connect
from warehouse.ops.api_keys import create_key, revoke_key

BOARD = "/api/v1/leaderboards/dota2_matches"


@dataclass(frozen=True)
class Deployment:
    """A database with marts and API keys, and APIs over it."""

    database: Database

    def api(self, *, workers: int = 1, **settings: Any) -> AbstractContextManager[str]:
        """An API with its own settings."""
        return api_of(self.database, workers=workers, **settings)

    def key(self, name: str, **options: Any) -> str:
        """Create a key."""
        with connect(self.database.admin_url) as admin:
            return create_key(admin, name, by="test", **options)

    def revoke(self, named: str) -> None:
        """Revoke a key by its id or name."""
        with connect(self.database.admin_url) as admin:
            revoke_key(admin, named, by="test")


@pytest.fixture(scope="session")
def deployment(create_database: Callable[[], AbstractContextManager[Database]]) -> Iterator[Deployment]:
    """A shared deployment; each test creates keys with its own names."""
    with create_database() as database:
        marts = Marts(database)
        marts.create()
        publish_cache(redis_url(database), marts.promote())
        yield Deployment(database)


@pytest.fixture(scope="session")
def workers(deployment: Deployment) -> Iterator[str]:
    """An API of two processes with a small limit per address: a bucket of 100, leases of 25, 10 per second."""
    with deployment.api(workers=2, api_requests_per_minute=600) as base:
        yield base


@pytest.fixture(scope="session")
def _apis(deployment: Deployment) -> Iterator[tuple[str, str]]:
    with ExitStack() as stack:
        yield (
            stack.enter_context(
                deployment.api(api_cors_origins="https://one.example,https://two.example", api_hosts="ladder.example")
            ),
            stack.enter_context(deployment.api(api_anonymous=False, api_cors_origins="*", api_https=True)),
        )


@pytest.fixture
def open_api(_apis: tuple[str, str]) -> Iterator[httpx.Client]:
    """A public API that allows two other origins and the host name `ladder.example`."""
    with httpx.Client(base_url=_apis[0]) as client:
        yield client


@pytest.fixture
def closed_api(_apis: tuple[str, str]) -> Iterator[httpx.Client]:
    """An API behind TLS that requires a key and allows any origin."""
    with httpx.Client(base_url=_apis[1]) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    """The header with a key."""
    return {"Authorization": f"Bearer {key}"}


def seconds_until_status(client: httpx.Client, key: str, status: int) -> float:
    """Seconds until a request with a key gets a status."""
    return seconds_until(lambda: client.get(BOARD, headers=bearer(key)).status_code == status)
