"""Answers within bounds: no source can make a run hold more of its bodies than these allow, nor show the key again."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx

from warehouse.core.masking import Mask

__all__ = ["ENCODING", "BodyReader", "BodyTooLargeError", "RawResponse"]

#: The one compression that is requested: its output can be taken in steps, so that a small body cannot become a large
#: one before its size is known.
ENCODING = "gzip"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_STEP_BYTES = 256 << 10
#: Of an answer with an error only its message is used.
_MAX_ERROR_BYTES = 256 << 10
#: Bodies beyond this size are read one at a time, so that all requests under way together need little more memory than
#: the largest single body.
_LARGE_BODY_BYTES = 2 << 20


class BodyTooLargeError(Exception):
    """A body is larger than is read."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An answer whose body is complete, decompressed and without the key.

    Args:
        status: HTTP status.
        headers: headers, found by names in any case.
        body: the body; of an error only the beginning.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class BodyReader:
    """Reads the answers of one client.

    Args:
        most_bytes: largest body that is read, as it is sent and as it is decompressed.
        mask: replaces the key wherever an answer repeats it.
    """

    def __init__(self, max_bytes: int, mask: Mask) -> None:
        self._max_bytes = max_bytes
        self._mask = mask
        self._large_body_lock = asyncio.Lock()

    async def read(self, response: httpx.Response, deadline: asyncio.Timeout) -> RawResponse:
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
                await self._collect(response, body, _MAX_ERROR_BYTES if is_error else None, stack, deadline)
                content = bytes(body)
        finally:
            # An error would hold it as long as its traceback lives.
            body.clear()
        headers = httpx.Headers([(name, self._mask.text(value)) for name, value in response.headers.multi_items()])
        if is_error:
            content = self._mask.error_body(content, is_cut=len(content) > _MAX_ERROR_BYTES)
        return RawResponse(response.status_code, headers, self._mask.body(content))

    async def _collect(
        self,
        response: httpx.Response,
        body: bytearray,
        max_length: int | None,
        stack: AsyncExitStack,
        deadline: asyncio.Timeout,
    ) -> None:
        """Append the pieces of a body, as many as are enough; a large one waits for its turn."""
        is_large = False
        async for piece in self._decompressed_pieces(response):
            body += piece
            if max_length is not None and len(body) > max_length:
                return
            if len(body) > self._max_bytes:
                raise BodyTooLargeError
            if len(body) > _LARGE_BODY_BYTES and not is_large:
                is_large = True
                await self._wait_for_large_bodies(stack, deadline)

    async def _wait_for_large_bodies(self, stack: AsyncExitStack, deadline: asyncio.Timeout) -> None:
        loop = asyncio.get_running_loop()
        expires_at, waiting_since = deadline.expires_at(), loop.time()
        deadline.reschedule(None)
        await stack.enter_async_context(self._large_body_lock)
        if expires_at is not None:
            deadline.reschedule(expires_at + loop.time() - waiting_since)

    async def _decompressed_pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The decompressed body in small pieces."""
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity", ENCODING, f"x-{ENCODING}"):
            raise httpx.DecodingError(f"compressed as {self._mask.text(encoding)[:40]}, which was not requested")
        decoder = None if encoding in ("", "identity") else zlib.decompressobj(_GZIP_OR_ZLIB)
        sent = 0
        async for chunk in response.aiter_raw():
            sent += len(chunk)
            if sent > self._max_bytes:
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
