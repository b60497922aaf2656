"""Answers within bounds: no source can make a run hold more of its bodies than these allow, nor show the key again."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx

from warehouse.core.masking import Mask

__all__ = ["ENCODING", "Bodies", "BodyTooLargeError", "Received"]

#: The one compression that is requested: its output can be taken in steps, so that a small body cannot become a large
#: one before its size is known.
ENCODING = "gzip"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_STEP_BYTES = 256 << 10
#: Of an answer with an error only its message is used.
_MOST_ERROR_BYTES = 256 << 10
#: Bodies beyond this size are read one at a time, so that all requests under way together need little more memory than
#: the largest single body.
_SMALL_BYTES = 2 << 20


class BodyTooLargeError(Exception):
    """A body is larger than is read."""


@dataclass(frozen=True, slots=True)
class Received:
    """An answer whose body is complete, decompressed and without the key.

    Args:
        status: HTTP status.
        headers: headers, found by names in any case.
        body: the body; of an error only the beginning.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Bodies:
    """Reads the answers of one client.

    Args:
        most_bytes: largest body that is read, as it is sent and as it is decompressed.
        mask: replaces the key wherever an answer repeats it.
    """

    def __init__(self, most_bytes: int, mask: Mask) -> None:
        self._most_bytes = most_bytes
        self._mask = mask
        self._large = asyncio.Lock()

    async def read(self, response: httpx.Response, deadline: asyncio.Timeout) -> Received:
        """Read an answer whose headers have arrived.

        Args:
            response: the answer.
            deadline: when reading ends; waiting for another large body does not count.

        Raises:
            BodyTooLargeError: the body is larger than is read; the rest of it stays unread.
            httpx.DecodingError: the body is compressed in another way, or the compressed data are damaged.
        """
        is_error = response.status_code >= 300
        body = bytearray()
        try:
            async with AsyncExitStack() as stack:
                await self._collect(response, body, _MOST_ERROR_BYTES if is_error else None, stack, deadline)
                whole = bytes(body)
        finally:
            # An error would hold it as long as its traceback lives.
            body.clear()
        headers = httpx.Headers([(name, self._mask.text(value)) for name, value in response.headers.multi_items()])
        if is_error:
            whole = self._mask.error_body(whole, is_cut=len(whole) > _MOST_ERROR_BYTES)
        return Received(response.status_code, headers, self._mask.body(whole))

    async def _collect(
        self,
        response: httpx.Response,
        body: bytearray,
        enough: int | None,
        stack: AsyncExitStack,
        deadline: asyncio.Timeout,
    ) -> None:
        """Append the pieces of a body, as many as are enough; a large one waits for its turn."""
        is_large = False
        async for piece in self._pieces(response):
            body += piece
            if enough is not None and len(body) > enough:
                return
            if len(body) > self._most_bytes:
                raise BodyTooLargeError
            if len(body) > _SMALL_BYTES and not is_large:
                is_large = True
                await self._wait_for_others(stack, deadline)

    async def _wait_for_others(self, stack: AsyncExitStack, deadline: asyncio.Timeout) -> None:
        loop = asyncio.get_running_loop()
        when, begun = deadline.when(), loop.time()
        deadline.reschedule(None)
        await stack.enter_async_context(self._large)
        if when is not None:
            deadline.reschedule(when + loop.time() - begun)

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The decompressed body in small pieces."""
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity", ENCODING, f"x-{ENCODING}"):
            raise httpx.DecodingError(f"compressed as {self._mask.text(encoding)[:40]}, which was not requested")
        decoder = None if encoding in ("", "identity") else zlib.decompressobj(_GZIP_OR_ZLIB)
        sent = 0
        async for chunk in response.aiter_raw():
            sent += len(chunk)
            if sent > self._most_bytes:
                raise BodyTooLargeError
            if decoder is None:
                yield chunk
            else:
                for piece in _decompressed(decoder, chunk):
                    yield piece
        if decoder is not None and sent and not decoder.eof:
            raise httpx.DecodingError("the compressed data end too early")


def _decompressed(decoder: zlib._Decompress, chunk: bytes) -> Iterator[bytes]:
    while chunk and not decoder.eof:
        try:
            piece = decoder.decompress(chunk, _STEP_BYTES)
        except zlib.error:
            raise httpx.DecodingError("the compressed data are damaged") from None
        chunk = decoder.unconsumed_tail
        yield piece
