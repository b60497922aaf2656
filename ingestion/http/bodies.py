"""Reading of response bodies within size and memory limits, with the key masked wherever a response repeats it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx

from warehouse.core.masking import Mask

__all__ = ["ENCODING", "BodyReader", "BodyTooLargeError", "RawResponse"]

#: The only compression that is requested: it is decompressed in steps, so that a small body cannot expand beyond the
#: limit unnoticed.
ENCODING = "gzip"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_STEP_BYTES = 256 << 10
#: Of an error response only the message is used.
_MAX_ERROR_BYTES = 256 << 10
#: Larger bodies are read one at a time, so that all requests in flight together need little more memory than the
#: largest single body.
_LARGE_BODY_BYTES = 2 << 20


class BodyTooLargeError(Exception):
    """The body exceeds the size limit."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response with a complete and decompressed body, without the key.

    Args:
        status: HTTP status.
        headers: headers; names are case-insensitive.
        body: the body; of an error only the beginning.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class BodyReader:
    """Reads the response bodies of one client.

    Args:
        max_bytes: size limit of a body, both as sent and decompressed.
        mask: replaces the key wherever a response repeats it.
    """

    def __init__(self, max_bytes: int, mask: Mask) -> None:
        self._max_bytes = max_bytes
        self._mask = mask
        self._large_body_lock = asyncio.Lock()

    async def read(self, response: httpx.Response, deadline: asyncio.Timeout) -> RawResponse:
        """Read the body of a response whose headers have arrived.

        Args:
            response: the response.
            deadline: timeout of the response; waiting for other large bodies does not count.

        Raises:
            BodyTooLargeError: the body exceeds the size limit; the rest of it stays unread.
            httpx.DecodingError: the body has another compression, or the compressed data are damaged.
        """
        is_error = response.status_code >= 300
        body = bytearray()
        try:
            async with AsyncExitStack() as stack:
                await self._collect(response, body, _MAX_ERROR_BYTES if is_error else None, stack, deadline)
                content = bytes(body)
        finally:
            # The traceback of an error would keep the body in memory.
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
        """Append the pieces of a body up to a maximum length; a large body waits for the lock."""
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
        expires_at, waiting_since = deadline.when(), loop.time()
        deadline.reschedule(None)
        await stack.enter_async_context(self._large_body_lock)
        if expires_at is not None:
            deadline.reschedule(expires_at + loop.time() - waiting_since)

    async def _decompressed_pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """Yield the decompressed body in small pieces."""
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
