"""Homes whose servers must have stopped at the end, and other processes that hold leases."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.warehouse.embedded.lease_holders import LeaseHolder, processes_of, settings_for
from warehouse.core.settings import Settings
from warehouse.embedded import running


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose servers must have stopped at the end of the test."""
    path = tmp_path / "home"
    yield path
    left = processes_of(path)
    for process in left:
        process.kill()
    assert not left, "servers outlived the test"


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a cluster, whose servers have stopped."""
    path = tmp_path_factory.mktemp("initialised")
    with running(settings_for(path), redis=False):
        pass
    return path


@pytest.fixture
def initialised_home(home: Path, initialised: Path) -> None:
    """Copy a cluster into the home, so that the test need not wait for initdb."""
    for part in ("secrets", "postgres/data"):
        shutil.copytree(initialised / part, home / part)


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings with automatic ports, and no other values from the environment."""
    return settings_for(home)


@pytest.fixture
def start_holder(home: Path) -> Iterator[Callable[..., LeaseHolder]]:
    """Start other processes that hold leases on the home."""
    holders: list[LeaseHolder] = []

    def start(**options: bool) -> LeaseHolder:
        holders.append(LeaseHolder(home, **options))
        return holders[-1]

    yield start
    for holder in holders:
        if holder.process.poll() is None:
            holder.leave()
        for stream in (holder.process.stdin, holder.process.stdout):
            if stream:
                stream.close()


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user can enter (pytest's own are closed)."""
    path = Path(tempfile.mkdtemp(prefix="ladder-test-"))
    path.chmod(0o755)
    yield path
    assert not processes_of(path)
    shutil.rmtree(path)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LADDER_")]:
        monkeypatch.delenv(name)
