"""Landing while fetching: pages reach the lake as they arrive, and what arrives together shares a file."""

from __future__ import annotations

import asyncio

from warehouse.lake.files import Lake
from warehouse.model.source import Page, Source

__all__ = ["LakeWriter"]

#: Payload bytes that may wait for the disk; beyond, fetching waits too.
_MAX_WAITING_BYTES = 32 << 20


class LakeWriter:
    """Writes pages to the lake, one file at a time, in a thread.

    While a file is flushed to the disk, the pages that arrive gather for the next one. Pages of an endpoint land in the
    order in which they were put, and none lands after one that could not, so that a cursor never overtakes its rows.
    """

    def __init__(self, lake: Lake, source: Source) -> None:
        self._lake = lake
        self._source = source
        self._waiting: dict[str, list[Page]] = {}
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._error: Exception | None = None

    async def put(self, page: Page) -> None:
        """Hand over a page; it is on the disk after `flush`.

        Raises:
            LakeError: an earlier page could not be written; likewise any other error that kept it from being written.
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
            LakeError: some could not be written; what was written stays. Likewise any other error.
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
            except Exception as error:  # whatever it is, what comes after must not land either
                self._error = error
