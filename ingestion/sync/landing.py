"""Landing while fetching: pages are written to the lake as they arrive, and pages that arrive together share a file."""

from __future__ import annotations

import asyncio

from warehouse.lake.files import Lake
from warehouse.model.source import Page, Source

__all__ = ["LakeWriter"]

#: Payload bytes that may wait for the disk; beyond this, fetching waits too.
_MAX_WAITING_BYTES = 32 << 20


class LakeWriter:
    """Writes pages to the lake, one file at a time, in a thread.

    While one file is flushed to the disk, the pages that arrive are collected for the next one. Pages of an endpoint
    land in the order in which they were put. After a failed write no later page lands, so a cursor never gets ahead of
    its rows.
    """

    def __init__(self, lake: Lake, source: Source) -> None:
        self._lake = lake
        self._source = source
        self._waiting: dict[str, list[Page]] = {}
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._error: Exception | None = None

    async def put(self, page: Page) -> None:
        """Queue a page; it is on the disk after `flush`.

        Raises:
            LakeError: an earlier page could not be written; likewise any other error of an earlier write.
        """
        while self._waiting_bytes > _MAX_WAITING_BYTES and self._error is None:
            await asyncio.shield(self._write_all())
        if self._error is not None:
            raise self._error
        self._waiting.setdefault(page.endpoint, []).append(page)
        self._waiting_bytes += len(page.body)
        self._write_all()

    async def flush(self) -> None:
        """Wait until every page is on the disk.

        Raises:
            LakeError: some pages could not be written; those that were written stay. Likewise any other error.
        """
        while self._waiting and self._error is None:
            await asyncio.shield(self._write_all())
        if self._writer is not None:
            await asyncio.shield(self._writer)
        if self._error is not None:
            raise self._error

    def _write_all(self) -> asyncio.Task[None]:
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return self._writer

    async def _write(self) -> None:
        while self._waiting and self._error is None:
            endpoint = next(iter(self._waiting))
            pages = self._waiting.pop(endpoint)
            self._waiting_bytes -= sum(len(page.body) for page in pages)
            try:
                await asyncio.to_thread(self._lake.land, self._source, endpoint, pages)
            except Exception as error:  # of any kind: no later page may land after a lost one
                self._error = error
