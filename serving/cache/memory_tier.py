"""Cached responses of this process, found by raw path and query string or by canonical target."""

from __future__ import annotations

import heapq
import time

from serving.cache.requests import CanonicalRequest
from serving.cache.responses import CachedResponse
from serving.endpoints.generations import PublishedGeneration
from serving.errors import UnknownSubject

__all__ = ["MemoryTier", "RawRequest"]

RawRequest = tuple[str, bytes]
"""Path and query string as received."""

_DEFAULT_CAPACITY = 64 * 1024 * 1024
_MAX_ALIAS_LENGTH = 256
"""Longer spellings are found by their canonical target; as aliases they would take more memory than the responses."""
_MAX_ALIASES = 8
_MAX_UNKNOWN = 4096
_UNKNOWN_EXPIRES_S = 30.0


class MemoryTier:
    """A bounded cache with second-chance eviction: the sweep keeps responses that were hit since the last sweep.

    Args:
        capacity: maximum total size of the responses, in bytes.
    """

    def __init__(self, capacity: int = _DEFAULT_CAPACITY) -> None:
        self.raw: dict[RawRequest, CachedResponse] = {}
        """Responses by raw request; the hit path reads it directly."""
        self._responses: dict[str, CachedResponse] = {}
        self._bytes = 0
        self._capacity = capacity
        self._unknown: dict[str, tuple[PublishedGeneration, float, UnknownSubject]] = {}

    def get(self, target: str) -> CachedResponse | None:
        """The newest response for a canonical target, whatever its age."""
        response = self._responses.get(target)
        if response is not None:
            response.hits += 1
        return response

    @property
    def has_any(self) -> bool:
        """Whether there is any response, whatever its age."""
        return bool(self._responses)

    def put(self, response: CachedResponse) -> None:
        """Store a response in place of an earlier one, and redirect the earlier one's aliases to it."""
        earlier = self._responses.pop(response.target, None)
        if earlier is not None and earlier is not response:
            self._bytes -= earlier.size
            response.hits += earlier.hits - earlier.hits_reported
            response.aliases, earlier.aliases = earlier.aliases, []
            for raw in response.aliases:
                self.raw[raw] = response
        if earlier is not response:
            self._bytes += response.size
        self._responses[response.target] = response
        while self._bytes > self._capacity:
            self._evict_one()

    def alias(self, raw: RawRequest, response: CachedResponse) -> None:
        """Let a raw request find a response. The number of aliases is bounded, so that clients cannot fill memory."""
        current = self.raw.get(raw)
        if current is response or len(raw[0]) + len(raw[1]) > _MAX_ALIAS_LENGTH:
            return
        if current is not None:
            current.aliases.remove(raw)
            del self.raw[raw]
        if not self._is_current(response):
            return
        if len(response.aliases) == _MAX_ALIASES:
            del self.raw[response.aliases.pop(0)]
        response.aliases.append(raw)
        self.raw[raw] = response

    def put_unknown(self, target: str, published: PublishedGeneration, error: UnknownSubject) -> None:
        """Remember for a while that the subject of a request does not exist; the number of entries is bounded."""
        self._unknown.pop(target, None)
        self._unknown[target] = (published, time.monotonic() + _UNKNOWN_EXPIRES_S, error)
        if len(self._unknown) > _MAX_UNKNOWN:
            del self._unknown[next(iter(self._unknown))]

    def get_unknown(self, target: str, published: PublishedGeneration) -> UnknownSubject | None:
        """The remembered error of a canonical target."""
        remembered = self._unknown.get(target)
        if remembered is None:
            return None
        generation, expires_at, error = remembered
        if generation is not published or expires_at < time.monotonic():
            del self._unknown[target]
            return None
        return error

    def take_hot_requests(self, limit: int) -> list[tuple[CanonicalRequest, int]]:
        """The most frequent requests since the last call, with their number of hits."""
        requested = [response for response in self._responses.values() if response.hits > response.hits_reported]
        hot = [(response.key.request, response.hits - response.hits_reported) for response in requested]
        for response in requested:
            response.hits_reported = response.hits
        return heapq.nlargest(limit, hot, key=lambda item: item[1])

    def _is_current(self, response: CachedResponse) -> bool:
        return self._responses.get(response.target) is response

    def _evict_one(self) -> None:
        target, response = next(iter(self._responses.items()))
        if response.hits > response.hits_at_sweep:
            response.hits_at_sweep = response.hits
            del self._responses[target]
            self._responses[target] = response
        else:
            self._remove(target)

    def _remove(self, target: str) -> None:
        response = self._responses.pop(target, None)
        if response is not None:
            self._bytes -= response.size
            for raw in response.aliases:
                del self.raw[raw]
            response.aliases.clear()
