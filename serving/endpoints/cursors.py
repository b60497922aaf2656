"""Opaque cursors: where a page ended, as the keyset of its last row."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from types import GenericAlias
from typing import Any

import msgspec

from serving.endpoints import Page
from serving.errors import Refusal

__all__ = ["MAX_LENGTH", "after", "canonical_cursor", "cursor"]

MAX_LENGTH = 300
_INTEGER_BOUND = 2**63


def cursor(page: Page, row: Mapping[str, Any]) -> str:
    """The cursor behind a row."""
    keyset = msgspec.json.encode([row[column.name] for column in page.keyset])
    return base64.urlsafe_b64encode(keyset).rstrip(b"=").decode()


def after(page: Page, text: str | None) -> dict[str, Any]:
    """Parameters `after_<name>` of the SQL; all None without a cursor.

    Raises:
        Refusal: 400, the text is no cursor of this list.
    """
    if text is None:
        return {f"after_{column.name}": None for column in page.keyset}
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        decoded: tuple[Any, ...] = msgspec.json.decode(raw, type=GenericAlias(tuple, page.types))
        # One spelling of a moment, whatever its offset; at the ends of time some have none.
        values = tuple(_in_utc(value) if isinstance(value, datetime) else value for value in decoded)
    except (binascii.Error, ValueError, OverflowError, msgspec.MsgspecError):
        raise _invalid() from None
    for value in values:
        if isinstance(value, int) and abs(value) >= _INTEGER_BOUND:
            raise _invalid()
        if isinstance(value, str) and "\0" in value:
            raise _invalid()
    return {f"after_{column.name}": value for column, value in zip(page.keyset, values, strict=True)}


def canonical_cursor(page: Page, values: Mapping[str, Any]) -> str:
    """The one spelling of a cursor."""
    return cursor(page, {column.name: values[f"after_{column.name}"] for column in page.keyset})


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def _invalid() -> Refusal:
    return Refusal(400, "invalid_cursor", "the cursor is none of this list; take it from meta.next, or leave it out")
