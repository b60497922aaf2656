"""Opaque cursors for keyset pagination: the keyset values of the last row of a page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from types import GenericAlias
from typing import Any

import msgspec

from serving.endpoints import Pagination
from serving.errors import ApiError

__all__ = ["MAX_CURSOR_LENGTH", "canonical_cursor", "decode_cursor", "encode_cursor"]

MAX_CURSOR_LENGTH = 300
_INTEGER_BOUND = 2**63


def encode_cursor(pagination: Pagination, row: Mapping[str, Any]) -> str:
    """The cursor after a row."""
    keyset = msgspec.json.encode([row[column.name] for column in pagination.keyset])
    return base64.urlsafe_b64encode(keyset).rstrip(b"=").decode()


def decode_cursor(pagination: Pagination, text: str | None) -> dict[str, Any]:
    """Parameters `after_<name>` of the SQL; all None without a cursor.

    Raises:
        ApiError: 400, the text is not a cursor of this list.
    """
    if text is None:
        return {f"after_{column.name}": None for column in pagination.keyset}
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        decoded: tuple[Any, ...] = msgspec.json.decode(raw, type=GenericAlias(tuple, pagination.types))
        # Timestamps in UTC are canonical; the first and last day of the range can overflow.
        values = tuple(_in_utc(value) if isinstance(value, datetime) else value for value in decoded)
    except (binascii.Error, ValueError, OverflowError, msgspec.MsgspecError):
        raise _invalid_cursor() from None
    for value in values:
        if isinstance(value, int) and abs(value) >= _INTEGER_BOUND:
            raise _invalid_cursor()
        if isinstance(value, str) and "\0" in value:
            raise _invalid_cursor()
    return {f"after_{column.name}": value for column, value in zip(pagination.keyset, values, strict=True)}


def canonical_cursor(pagination: Pagination, values: Mapping[str, Any]) -> str:
    """The canonical form of a cursor."""
    return encode_cursor(pagination, {column.name: values[f"after_{column.name}"] for column in pagination.keyset})


def _in_utc(timestamp: datetime) -> datetime:
    return timestamp.replace(tzinfo=timestamp.tzinfo or UTC).astimezone(UTC)


def _invalid_cursor() -> ApiError:
    return ApiError(
        400, "invalid_cursor", "the cursor is not one of this list; take it from meta.next, or leave it out"
    )
