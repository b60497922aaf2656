"""All Redis keys and entity tags of the API; no other module builds one.

Response keys are `ladder:<schema>:<generation>:<mart>:<target>`, from broad to narrow. A new generation uses new keys,
and the keys of the old generation expire. `<schema>` changes with the endpoint declarations, so another version of
this code never reads these bytes.
"""

from __future__ import annotations

import functools
import hashlib

from serving.cache.requests import CanonicalRequest
from serving.endpoints import ENDPOINTS
from serving.endpoints.generations import PublishedGeneration

__all__ = [
    "CacheKey",
    "current_leaderboards_key",
    "entity_tag",
    "hot_requests_key",
    "leaderboard_keys",
    "lock_key",
    "page_tag",
    "pointer_key",
    "rate_limit_key",
    "schema",
]

_ENVELOPE_VERSION = "2"
"""Increased when the stored or sent form of responses changes for all endpoints."""


class CacheKey:
    """Identifies the response to one request in one generation.

    One key is created per request and passed through all tiers. Its name, lock name and entity tag are computed at
    first use and kept.

    Args:
        published: generation of the data.
        request: the canonical request.
    """

    def __init__(self, published: PublishedGeneration, request: CanonicalRequest) -> None:
        self.published = published
        self.request = request

    @functools.cached_property
    def name(self) -> str:
        """Redis key of the response."""
        request = self.request
        return f"ladder:{schema()}:{self.published.token}:{request.endpoint.mart}:{request.target}"

    @functools.cached_property
    def lock_name(self) -> str:
        """Redis key of the lock, held by the process that loads the response."""
        return lock_key(self.name)

    @functools.cached_property
    def etag(self) -> bytes:
        """Entity tag of the response; known before any query."""
        return entity_tag(self.name)

    def in_generation(self, published: PublishedGeneration) -> CacheKey:
        """The key of the same request in a generation; this key if it is of that generation."""
        return self if published is self.published else CacheKey(published, self.request)


def pointer_key() -> str:
    """Holds the published generation."""
    return f"ladder:{schema()}:generation"


def leaderboard_keys(published: PublishedGeneration, board: str) -> tuple[str, str]:
    """Hold a leaderboard's order (sorted set) and its rows (hash).

    Args:
        published: generation of the data.
        board: name of the leaderboard.
    """
    prefix = f"ladder:{schema()}:{published.token}:leaderboard_entries"
    return f"{prefix}:order:{board}", f"{prefix}:rows:{board}"


def current_leaderboards_key() -> str:
    """Holds the keys of all leaderboards that no later generation has replaced."""
    return f"ladder:{schema()}:boards"


def hot_requests_key() -> str:
    """Holds the most frequent requests of all processes and generations."""
    return f"ladder:{schema()}:hot"


def lock_key(name: str) -> str:
    """The lock of a response key."""
    return f"{name}#lock"


def rate_limit_key(subject: str) -> str:
    """Holds the rate limit buckets of a caller. It has no schema, because all versions of this code share callers.

    Args:
        subject: the caller's API key id or address.
    """
    return f"ladder:limits:{subject}"


def entity_tag(name: str) -> bytes:
    """A weak entity tag, because the compressed forms of a body share it."""
    return b'W/"' + hashlib.blake2b(name.encode(), digest_size=12).hexdigest().encode() + b'"'


def page_tag(published: PublishedGeneration, design: str, target: str) -> bytes:
    """The entity tag of an HTML page.

    Args:
        published: generation that the page shows.
        design: digest of the templates.
        target: canonical path and query.
    """
    return entity_tag(f"ladder:{schema()}:{published.token}:page-{design}:{target}")


@functools.cache
def schema() -> str:
    """Digest of the endpoint declarations and their SQL."""
    digest = hashlib.blake2b(_ENVELOPE_VERSION.encode(), digest_size=5)
    for endpoint in ENDPOINTS:
        digest.update(repr((endpoint, endpoint.sql)).encode())
    return digest.hexdigest()
