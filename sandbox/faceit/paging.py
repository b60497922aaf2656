"""Pages of lists, and errors, in FACEIT's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from sandbox.upstream import json_response

JsonObject = dict[str, Any]


def paged(
    items: Sequence[Any],
    query: Mapping[str, str],
    *,
    limit: int = 20,
    maximum: int = 100,
    max_offset: int | None = None,
) -> JsonObject:
    """The requested page of a list; there is no total, and `end` is always a full page after `start`.

    Args:
        items: the complete list.
        query: query parameters with `offset` and `limit`.
        limit: default limit.
        maximum: largest limit allowed.
        max_offset: largest offset allowed; None for no limit.

    Raises:
        HTTPException: 400 if either is out of bounds.
    """
    start = parse_whole_number(query, "offset", 0, max_offset)
    size = parse_whole_number(query, "limit", limit, maximum)
    return {"items": list(items[start : start + size]), "start": start, "end": start + size}


def parse_whole_number(query: Mapping[str, str], name: str, default: int, maximum: int | None = None) -> int:
    """Parse a query parameter that must be a whole number from 0.

    Raises:
        HTTPException: 400 if it is not, or larger than allowed.
    """
    text = query.get(name, str(default))
    if not text.isdecimal() or (maximum is not None and int(text) > maximum):
        bound = "" if maximum is None else f" of at most {maximum}"
        raise HTTPException(400, f"{name} must be a whole number{bound}")
    return int(text)


def error(status: int, message: str) -> Response:
    """An error response; FACEIT has three forms, depending on the status."""
    if status in (400, 404):
        code = "err_nf0" if status == 404 else "err_r0"
        described = {"message": message, "code": code, "http_status": status, "parameters": []}
        return json_response({"errors": [described]}, status)
    if status in (401, 429):
        return json_response({"message": message}, status)
    return json_response({"code": "err_f0" if status == 403 else "err_s0", "message": message}, status)


def not_found(what: str) -> HTTPException:
    """The error for an unknown entity."""
    return HTTPException(404, f"The {what} was not found")
