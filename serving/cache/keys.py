"""Every key of the cache, and every tag that stands for an answer; nothing else makes one.

`ladder:<schema>:<generation>:<mart>:<scope>`, broad to narrow: a new generation is not looked for under the old one's
keys, which expire by themselves. `<schema>` changes with the declarations, so that another version of this code never
reads these bytes.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from datetime import date
from urllib.parse import quote, urlencode

from serving.endpoints import ENDPOINTS, Endpoint, Value
from serving.endpoints.generations import PublishedGeneration

__all__ = [
    "canonical_target",
    "entity_tag",
    "hot_requests_key",
    "leaderboard_keys",
    "lock_key",
    "page_tag",
    "pointer_key",
    "rate_limit_key",
    "response_key",
    "schema",
]

_ENVELOPE = "2"
"""Raised when the form of an answer, stored or sent, changes for all endpoints."""


def canonical_target(endpoint: Endpoint, values: Mapping[str, Value]) -> str:
    """One spelling for all requests that mean the same: defaults written out, parameters by name, lists in order.

    Args:
        endpoint: what is asked.
        values: its parameters after validation; None is left out.
    """
    in_path = {parameter.name for parameter in endpoint.parameters if parameter.in_path}
    path = endpoint.path.format_map({name: quote(_texts(values[name])[0], safe="") for name in in_path})
    query = sorted((name, text) for name, value in values.items() if name not in in_path for text in _texts(value))
    return f"{path}?{urlencode(query)}" if query else path


def pointer_key() -> str:
    """Where the published generation is told."""
    return f"ladder:{schema()}:generation"


def response_key(published: PublishedGeneration, endpoint: Endpoint, target: str) -> str:
    """Where an answer is stored.

    Args:
        published: the generation of its data.
        endpoint: what was asked.
        scope: its canonical form.
    """
    return f"ladder:{schema()}:{published.token}:{endpoint.mart}:{target}"


def leaderboard_keys(published: PublishedGeneration, board: str) -> tuple[str, str]:
    """Where a board's order and its rows are stored.

    Args:
        published: the generation of its data.
        board: its name.
    """
    prefix = f"ladder:{schema()}:{published.token}:leaderboard_entries"
    return f"{prefix}:order:{board}", f"{prefix}:rows:{board}"


def current_leaderboards_key() -> str:
    """Names of the sorted sets and rows of boards that no later generation has replaced yet."""
    return f"ladder:{schema()}:boards"


def hot_requests_key() -> str:
    """What is asked most, over all processes and generations."""
    return f"ladder:{schema()}:hot"


def lock_key(key: str) -> str:
    """Held by the process that is making the answer of a key."""
    return f"{key}#lock"


def rate_limit_key(subject: str) -> str:
    """Where the limits of a caller are settled; of no schema, since another version of this code has the same callers.

    Args:
        subject: the caller's key or address.
    """
    return f"ladder:limits:{subject}"


def entity_tag(key: str) -> bytes:
    """Weak, as the compressed form is the same answer; known before any query."""
    return b'W/"' + hashlib.blake2b(key.encode(), digest_size=12).hexdigest().encode() + b'"'


def page_tag(published: PublishedGeneration, design: str, target: str) -> bytes:
    """The entity tag of a page.

    Args:
        published: the generation that it shows.
        design: digest of the templates.
        target: its path and query, in their one spelling.
    """
    return entity_tag(f"ladder:{schema()}:{published.token}:page-{design}:{target}")


@functools.cache
def schema() -> str:
    """Digest of the declarations and their SQL."""
    digest = hashlib.blake2b(_ENVELOPE.encode(), digest_size=5)
    for endpoint in ENDPOINTS:
        digest.update(repr((endpoint, endpoint.sql)).encode())
    return digest.hexdigest()


def _texts(value: Value) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [value.isoformat() if isinstance(value, date) else str(value)]
