"""Shared functions of the parsers: from bodies, records and parts of records to rows. Bad data raises no exception."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from warehouse.core.json_text import InvalidJsonError, read_json
from warehouse.model.source import FieldReject, Page, Parsed
from warehouse.model.tables import Table
from warehouse.staging.decode import decode_rows, page_reject

__all__ = [
    "ABSENT_STATUSES",
    "add_parsed",
    "count_odd_field",
    "epoch_milliseconds",
    "error_message",
    "is_same_id",
    "iso_utc",
    "message_in",
    "objects_in",
    "read_body",
    "read_object",
    "to_rows",
]

#: Statuses with which the API reports that an entity does not exist.
ABSENT_STATUSES = (404, 410)


def read_body(table: Table, page: Page) -> Any:
    """The decoded body, or a `Parsed` with one reject if the body cannot be decoded."""
    if page.status != 200:
        return Parsed(rejects=[page_reject(table, page.body, f"status {page.status}")])
    try:
        return read_json(page.body)
    except InvalidJsonError as error:
        return Parsed(rejects=[page_reject(table, page.body, str(error))])


def read_object(table: Table, page: Page) -> dict[str, Any] | Parsed:
    """The decoded body if it is an object, or a `Parsed` with one reject."""
    content = read_body(table, page)
    if isinstance(content, dict | Parsed):
        return content
    return Parsed(rejects=[page_reject(table, page.body, "expected an object")])


def error_message(body: bytes) -> str | None:
    """The message in the body of an error response, if there is one; see `message_in`."""
    try:
        return message_in(read_json(body))
    except InvalidJsonError:
        return None


def message_in(content: Any) -> str | None:
    """The message in the decoded body of an error response.

    Sources use the forms `{"error": text}`, `{"message": text}` and `{"errors": [{"message": text}]}`.
    """
    if not isinstance(content, Mapping):
        return None
    errors = content.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else {}
    for message in (content.get("error"), content.get("message"), first.get("message")):
        if isinstance(message, str):
            return message.replace("\x00", "")
    return None


def add_parsed(parsed: Parsed, more: Parsed) -> None:
    """Add the result of another part of the same page, which fills other tables."""
    parsed.frames.update(more.frames)
    parsed.rejects.extend(more.rejects)
    parsed.drift.update(more.drift)
    for odd, places in more.field_rejects.items():
        parsed.field_rejects.setdefault(odd, []).extend(places)


def to_rows(table: Table, records: Sequence[Any], page: Page, **more: Any) -> Parsed:
    """Decode records of a page into rows of one table; `more` are further parameters of its request."""
    return decode_rows(table, records, {**page.params, **more}, observed_at=page.observed_at)


def count_odd_field(parsed: Parsed, table: Table, field_path: str, reason: str, record_index: int) -> None:
    """Count a nested field that cannot be read, so that its records are missing."""
    parsed.field_rejects.setdefault(FieldReject(table.name, field_path, reason), []).append(record_index)


def objects_in(parsed: Parsed, table: Table, field_path: str, value: Any, record_index: int) -> list[dict[str, Any]]:
    """The objects in a list of a record; other values are counted as rejected fields.

    Args:
        parsed: the result that counts rejected fields.
        table: table of the objects.
        field_path: path of the list in the record.
        value: the list; None counts as empty.
        record_index: position of the record in its page.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        count_odd_field(parsed, table, field_path, "expected a list", record_index)
        return []
    found = [entry for entry in value if isinstance(entry, dict)]
    for _ in range(len(value) - len(found)):
        count_odd_field(parsed, table, f"{field_path}[]", "expected an object", record_index)
    return found


def is_same_id(sent: Any, requested: Any) -> bool:
    """Whether the id in a response is the requested one; numbers and their text are equal."""
    if isinstance(sent, float) and sent.is_integer():
        sent = int(sent)
    return type(sent) in (int, str) and str(sent).strip() == str(requested)


def epoch_milliseconds(text: Any) -> int | None:
    """Milliseconds since 1970 of a timestamp in ISO 8601, UTC without an offset; None for any other value."""
    try:
        timestamp = datetime.fromisoformat(text)
        return int((timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        return None


def iso_utc(timestamp: datetime) -> str:
    """ISO 8601 in UTC with a fixed length, so that text order is time order."""
    return timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
