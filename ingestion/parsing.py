"""What the parsers of all sources share: reading a body, telling moments and messages; nothing raises for data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from warehouse.decode import page_reject
from warehouse.source import Page, Parsed
from warehouse.tables import Table

__all__ = ["ABSENT", "add", "error_message", "iso_utc", "milliseconds", "read_body", "read_object"]

#: Statuses that say in the source's own words that there is nothing.
ABSENT = (404, 410)

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_body(table: Table, page: Page) -> Any:
    """The decoded body, or a `Parsed` with one reject where there is none to read."""
    if page.status != 200:
        return Parsed(rejects=[page_reject(table, page.body, f"status {page.status}")])
    try:
        return msgspec.json.decode(page.body)
    except _UNREADABLE as error:
        return Parsed(rejects=[page_reject(table, page.body, f"not JSON: {str(error).split(' - at')[0]}")])


def read_object(table: Table, page: Page) -> dict[str, Any] | Parsed:
    """The decoded body where it is an object, or a `Parsed` with one reject."""
    content = read_body(table, page)
    if isinstance(content, dict | Parsed):
        return content
    return Parsed(rejects=[page_reject(table, page.body, "expected an object")])


def error_message(body: bytes) -> str | None:
    """The message of an error answer, if it has one, in any of the forms that sources use.

    These are `{"error": text}`, `{"message": text}` and `{"errors": [{"message": text}]}`.
    """
    try:
        content = msgspec.json.decode(body)
    except _UNREADABLE:
        return None
    if not isinstance(content, Mapping):
        return None
    errors = content.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else {}
    for message in (content.get("error"), content.get("message"), first.get("message")):
        if isinstance(message, str):
            return message.replace("\x00", "")
    return None


def add(parsed: Parsed, more: Parsed) -> None:
    """Add what another part of the same page became, which fills other tables."""
    parsed.frames.update(more.frames)
    parsed.rejects.extend(more.rejects)
    parsed.drift.update(more.drift)


def milliseconds(text: Any) -> int | None:
    """Milliseconds since 1970 of a time in ISO 8601, in UTC unless it says otherwise; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        return None


def iso_utc(moment: datetime) -> str:
    """ISO 8601 in UTC, of fixed length, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
