"""What the parsers of all sources share: bodies, records and parts of records to rows; nothing raises for data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from warehouse.core.json_text import InvalidJsonError, read_json
from warehouse.model.source import FieldReject, Page, Parsed
from warehouse.model.tables import Table
from warehouse.staging.decode import decode_rows, page_reject

__all__ = [
    "ABSENT",
    "add",
    "error_message",
    "is_same_id",
    "iso_utc",
    "message_of",
    "milliseconds",
    "note_odd",
    "objects_of",
    "read_body",
    "read_object",
    "to_rows",
]

#: Statuses that say in the source's own words that there is nothing.
ABSENT = (404, 410)


def read_body(table: Table, page: Page) -> Any:
    """The decoded body, or a `Parsed` with one reject where there is none to read."""
    if page.status != 200:
        return Parsed(rejects=[page_reject(table, page.body, f"status {page.status}")])
    try:
        return read_json(page.body)
    except InvalidJsonError as error:
        return Parsed(rejects=[page_reject(table, page.body, str(error))])


def read_object(table: Table, page: Page) -> dict[str, Any] | Parsed:
    """The decoded body where it is an object, or a `Parsed` with one reject."""
    content = read_body(table, page)
    if isinstance(content, dict | Parsed):
        return content
    return Parsed(rejects=[page_reject(table, page.body, "expected an object")])


def error_message(body: bytes) -> str | None:
    """The message of an error answer, if it has one; see `message_of`."""
    try:
        return message_of(read_json(body))
    except InvalidJsonError:
        return None


def message_of(content: Any) -> str | None:
    """The message in the decoded body of an error answer, in any of the forms that sources use.

    These are `{"error": text}`, `{"message": text}` and `{"errors": [{"message": text}]}`.
    """
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
    for odd, places in more.field_rejects.items():
        parsed.field_rejects.setdefault(odd, []).extend(places)


def to_rows(table: Table, records: Sequence[Any], page: Page, **more: Any) -> Parsed:
    """Rows of one table from records of a page; `more` are further parameters of its request."""
    return decode_rows(table, records, {**page.params, **more}, observed_at=page.observed_at)


def note_odd(parsed: Parsed, table: Table, field_path: str, reason: str, record_index: int) -> None:
    """Count a field that leads to records and cannot be read, so that there are none."""
    parsed.field_rejects.setdefault(FieldReject(table.name, field_path, reason), []).append(record_index)


def objects_of(parsed: Parsed, table: Table, field_path: str, value: Any, record_index: int) -> list[dict[str, Any]]:
    """The objects in a list that a record holds; whatever else is there is counted.

    Args:
        parsed: where it is counted.
        table: what the objects become.
        field_path: where the list is in the record.
        value: the list; none holds no object.
        record_index: position of the record in its page.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        note_odd(parsed, table, field_path, "expected a list", record_index)
        return []
    found = [each for each in value if isinstance(each, dict)]
    for _ in range(len(value) - len(found)):
        note_odd(parsed, table, f"{field_path}[]", "expected an object", record_index)
    return found


def is_same_id(sent: Any, requested: Any) -> bool:
    """Whether an answer names the thing that was requested, be its id a number or the same number as text."""
    if isinstance(sent, float) and sent.is_integer():
        sent = int(sent)
    return type(sent) in (int, str) and str(sent).strip() == str(requested)


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
