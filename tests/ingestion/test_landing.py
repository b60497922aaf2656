"""Pages reach the lake while others are fetched; a lake that cannot be written stops everything."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestion.sources.opendota.source import SOURCE
from ingestion.sync.landing import LakeWriter
from warehouse.core.errors import LakeError
from warehouse.lake.files import Lake
from warehouse.model.source import Page

OBSERVED_AT = datetime(2026, 11, 1, tzinfo=UTC)


def page(number: int, endpoint: str = "player", body: bytes = b"{}") -> Page:
    return Page(endpoint, f"/players/{number}", {"account_id": number}, 200, OBSERVED_AT, body)


def landed_in_order(lake: Lake, endpoint: str) -> list[int]:
    """Numbers of the landed pages."""
    return [number for file in landed(lake, endpoint) for number in file]


def landed(lake: Lake, endpoint: str) -> list[list[int]]:
    """Numbers of the landed pages, by file."""
    return [[page.params["account_id"] for page in lake.read(path)] for path in lake.files("opendota", endpoint)]


def test_pages_that_arrive_together_share_a_file_and_keep_their_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = LakeWriter(lake, SOURCE)
        for number in range(50):
            await writer.put(page(number))
        await writer.flush()

    lake = Lake(tmp_path)
    asyncio.run(scenario())
    assert landed_in_order(lake, "player") == list(range(50))
    assert len(landed(lake, "player")) <= 2


def test_a_page_lands_without_waiting_for_the_next(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = LakeWriter(lake, SOURCE)
        await writer.put(page(1))
        await asyncio.wait_for(asyncio.to_thread(wait_for_a_file), 5)
        await writer.put(page(2))
        await writer.flush()

    def wait_for_a_file() -> None:
        while not lake.files("opendota"):
            time.sleep(0.005)

    lake = Lake(tmp_path)
    asyncio.run(scenario())
    assert landed(lake, "player") == [[1], [2]]


def test_endpoints_land_in_files_of_their_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = LakeWriter(lake, SOURCE)
        for number in range(6):
            await writer.put(page(number, ("player", "player_heroes")[number % 2], b"[]"))
        await writer.flush()

    lake = Lake(tmp_path)
    asyncio.run(scenario())
    assert landed_in_order(lake, "player") == [0, 2, 4]
    assert landed_in_order(lake, "player_heroes") == [1, 3, 5]


def test_fetching_waits_for_a_slow_disk(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = LakeWriter(lake, SOURCE)
        for number in range(9):
            await writer.put(page(number, body=b'"' + b"x" * (8 << 20) + b'"'))
        # Not all pages may wait in memory: some are on the disk before the last one is queued.
        assert lake.files("opendota")
        await writer.flush()

    lake = Lake(tmp_path)
    asyncio.run(scenario())
    assert landed_in_order(lake, "player") == list(range(9))


def test_after_a_failed_write_no_page_lands_and_every_call_fails(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = LakeWriter(lake, SOURCE)
        await writer.put(page(1))
        with pytest.raises(LakeError):
            await writer.flush()
        with pytest.raises(LakeError):
            await writer.put(page(2))
        with pytest.raises(LakeError):
            await writer.flush()

    (tmp_path / "raw").write_text("not a folder")
    lake = Lake(tmp_path)
    asyncio.run(scenario())


def test_after_any_error_no_later_page_lands(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = LakeWriter(lake, SOURCE)
        unwritable = Page("player", "/players/1", {"account_id": {1}}, 200, OBSERVED_AT, b"{}")
        await writer.put(unwritable)
        with pytest.raises(TypeError):
            await writer.flush()
        with pytest.raises(TypeError):
            await writer.put(page(2))
        with pytest.raises(TypeError):
            await writer.flush()

    lake = Lake(tmp_path)
    asyncio.run(scenario())
    assert landed(lake, "player") == []


def test_without_pages_no_file_is_written(tmp_path: Path) -> None:
    asyncio.run(LakeWriter(Lake(tmp_path), SOURCE).flush())
    assert list(tmp_path.iterdir()) == []
