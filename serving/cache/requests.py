"""What is asked, after validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.cache import keys
from serving.endpoints import Endpoint, Value
from serving.endpoints.cursors import canonical_cursor, decode_cursor

__all__ = ["CanonicalRequest"]


@dataclass(frozen=True, slots=True)
class CanonicalRequest:
    """A request after validation.

    Args:
        endpoint: what is asked.
        scope: its canonical form.
        values: parameters of its SQL.
        limit: rows of a page; None without pages.
    """

    endpoint: Endpoint
    target: str
    values: Mapping[str, Any]
    limit: int | None

    @classmethod
    def of(
        cls, endpoint: Endpoint, values: Mapping[str, Value], limit: int | None, cursor: str | None
    ) -> CanonicalRequest:
        """Bring a request into its canonical form.

        Raises:
            Refusal: 400, the cursor is none of this list.
        """
        if endpoint.pagination is None or limit is None:
            return cls(endpoint, keys.canonical_target(endpoint, values), values, None)
        cursor_values = decode_cursor(endpoint.pagination, cursor)
        cursor_text = None if cursor is None else canonical_cursor(endpoint.pagination, cursor_values)
        target = keys.canonical_target(endpoint, {**values, "limit": limit, "cursor": cursor_text})
        # One row more than asked tells whether there is a next page.
        return cls(endpoint, target, {**values, **cursor_values, "limit": limit + 1}, limit)
