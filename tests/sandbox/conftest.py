"""A small world, served once for all tests that do not change it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from sandbox.faceit import KEY
from sandbox.server import Sandbox, serve
from sandbox.world import World

AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with serve(World(seed=7, players=80, days=120)) as running:
        yield running


@pytest.fixture(scope="session")
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.url, timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
def account(sandbox: Sandbox) -> int:
    """A calibrated player with public matches."""
    return sandbox.world.suggested_players(1)[0]


@pytest.fixture(scope="session")
def faceit(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """An HTTP client of the simulated FACEIT, with a key."""
    with httpx.Client(base_url=sandbox.faceit_url, headers=AUTHORIZED, timeout=30) as client:
        yield client
