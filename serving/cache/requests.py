"""What is asked, after validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.cache import keys
from serving.endpoints import Endpoint, Value
from serving.endpoints.cursors import after, canonical_cursor

__all__ = ["Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """A request after validation.

    Args:
        endpoint: what is asked.
        scope: its canonical form.
        values: parameters of its SQL.
        limit: rows of a page; None without pages.
    """

    endpoint: Endpoint
    scope: str
    values: Mapping[str, Any]
    limit: int | None

    @classmethod
    def of(cls, endpoint: Endpoint, values: Mapping[str, Value], limit: int | None, cursor: str | None) -> Question:
        """Bring a request into its canonical form.

        Raises:
            Refusal: 400, the cursor is none of this list.
        """
        if endpoint.page is None or limit is None:
            return cls(endpoint, keys.canonical(endpoint, values), values, None)
        position = after(endpoint.page, cursor)
        spelled = None if cursor is None else canonical_cursor(endpoint.page, position)
        scope = keys.canonical(endpoint, {**values, "limit": limit, "cursor": spelled})
        # One row more than asked tells whether there is a next page.
        return cls(endpoint, scope, {**values, **position, "limit": limit + 1}, limit)
