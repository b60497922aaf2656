"""Validated requests in canonical form: all requests with the same meaning share one spelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from serving.endpoints import Endpoint, Value
from serving.endpoints.cursors import canonical_cursor, decode_cursor

__all__ = ["CanonicalRequest", "canonical_target"]


@dataclass(frozen=True, slots=True)
class CanonicalRequest:
    """A request after validation.

    Args:
        endpoint: the requested endpoint.
        target: path and query in canonical form.
        values: parameters of the endpoint's SQL.
        limit: rows per page; None for an endpoint without pagination.
    """

    endpoint: Endpoint
    target: str
    values: Mapping[str, Any]
    limit: int | None

    @classmethod
    def of(
        cls, endpoint: Endpoint, values: Mapping[str, Value], limit: int | None, cursor: str | None
    ) -> CanonicalRequest:
        """Convert validated parameters to a canonical request.

        Raises:
            ApiError: 400, the cursor does not belong to this list.
        """
        if endpoint.pagination is None or limit is None:
            return cls(endpoint, canonical_target(endpoint, values), values, None)
        cursor_values = decode_cursor(endpoint.pagination, cursor)
        cursor_text = None if cursor is None else canonical_cursor(endpoint.pagination, cursor_values)
        target = canonical_target(endpoint, {**values, "limit": limit, "cursor": cursor_text})
        # One row more than the page holds shows whether there is a next page.
        return cls(endpoint, target, {**values, **cursor_values, "limit": limit + 1}, limit)


def canonical_target(endpoint: Endpoint, values: Mapping[str, Value]) -> str:
    """Path and query in canonical form: defaults are included, parameters and list values are sorted.

    Args:
        endpoint: the requested endpoint.
        values: its parameters after validation; None is left out.
    """
    in_path = {parameter.name for parameter in endpoint.parameters if parameter.in_path}
    path = endpoint.path.format_map({name: quote(_texts(values[name])[0], safe="") for name in in_path})
    query = sorted((name, text) for name, value in values.items() if name not in in_path for text in _texts(value))
    return f"{path}?{urlencode(query)}" if query else path


def _texts(value: Value) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [value.isoformat() if isinstance(value, date) else str(value)]
