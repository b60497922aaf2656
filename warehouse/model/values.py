"""Parse a value of a record into the type of its column.

A value with only one possible meaning is parsed in any notation: 3.0 and "3" as the integer 3, milliseconds as seconds.
Any other value is unreadable, and the caller counts it.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from warehouse.core.json_text import encode_json
from warehouse.model.tables import MAX_KEY_BYTES, Column, TimestampFormat

__all__ = ["UnreadableValueError", "ValueParser", "valid_range", "value_parser"]

#: Parses a value, given the latest valid timestamp (s since 1970); raises `UnreadableValueError`.
ValueParser = Callable[[Any, int], Any]

#: Largest 32-bit integer that is accepted: two of them can be added, and one negated, without an overflow.
_INTEGER = 1_000_000_000
_BIGINT = 2**63 - 1
#: The same patterns as in the dbt macros that parse numbers and booleans within documents.
_BLANK = "[\t-\r \u00a0\u2000-\u200a\u202f\u3000]*"
_INTEGER_TEXT = re.compile(_BLANK + r"([+-]?[0-9]{1,19})(?:\.0{1,20})?" + _BLANK)
_NUMBER_TEXT = re.compile(_BLANK + r"([+-]?[0-9]{1,40}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,2})?)" + _BLANK)
_BOOLEAN_TEXT = re.compile(_BLANK + r"(?:(true|1(?:\.0{1,20})?)|false|0(?:\.0{1,20})?)" + _BLANK)
#: The formats that models parse, too.
_STANDARD_ISO = re.compile(r"[0-9]{4}(-[0-9]{2}){2}[T ]([0-9]{2}:){2}[0-9]{2}([.][0-9]{1,9})?(Z|[+]00:?00)")
_UNITS: tuple[int, ...] = (1, 1_000, 1_000_000, 1_000_000_000)
_TYPE_NAMES = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
_UNREADABLE_CHARACTER = "contains an unreadable character (U+FFFD)"


class UnreadableValueError(ValueError):
    """The value cannot be stored in its column as it was sent.

    Args:
        reason: a short reason, the same for all values with the same problem.
        replacement: the value that is stored in its place.
    """

    def __init__(self, reason: str, replacement: Any = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.replacement = replacement


def value_parser(column: Column, *, is_indexed: bool) -> ValueParser:
    """The parser for values of a column.

    Args:
        column: the column.
        is_indexed: the column is in the table's key or an index, so that the length of its texts is limited.
    """
    if column.time is not None:
        format_ = column.time
        if column.type == "text":
            return _parse_iso_time
        return lambda value, max_time: _time(format_, value, max_time)
    if column.type in ("bigint", "integer"):
        minimum, maximum = valid_range(column)
        return lambda value, _: _integer(value, minimum, maximum)
    if column.type == "text":
        max_bytes = MAX_KEY_BYTES if is_indexed or column.is_identifier else None
        return lambda value, _: _text(value, max_bytes, column.accepted_values)
    if column.type == "double precision":
        minimum, maximum = valid_range(column)
        return lambda value, _: _double(value, minimum, maximum)
    parsers: dict[str, Callable[[Any], Any]] = {"boolean": _boolean, "jsonb": _document}
    read = parsers[column.type]
    return lambda value, _: read(value)


def valid_range(column: Column) -> tuple[float, float]:
    """Smallest and largest valid number of a numeric column that is not a timestamp."""
    maximum: float = {"integer": _INTEGER, "bigint": _BIGINT}.get(column.type, sys.float_info.max)
    return column.value_range or (-maximum, maximum)


def _type_name(value: Any) -> str:
    return _TYPE_NAMES.get(type(value), "nothing")


def _integer(value: Any, minimum: float, maximum: float) -> int:
    number = value
    if type(value) is float:
        if not value.is_integer():
            raise UnreadableValueError("expected an integer, got a fraction")
        number = int(value)
    elif type(value) is str:
        digits = _INTEGER_TEXT.fullmatch(value)
        number = int(digits[1]) if digits is not None else _integer_of_number(value)
    elif type(value) is not int:
        raise UnreadableValueError(f"expected an integer, got {_type_name(value)}")
    if minimum <= number <= maximum:
        return int(number)
    raise UnreadableValueError("the number is out of range")


def _integer_of_number(text: str) -> int:
    digits = _NUMBER_TEXT.fullmatch(text)
    if digits is None:
        raise UnreadableValueError("expected an integer, got text")
    number = Decimal(digits[1])
    if number != number.to_integral_value():
        raise UnreadableValueError("expected an integer, got a fraction")
    return int(number)


def _double(value: Any, minimum: float, maximum: float) -> float:
    digits = _NUMBER_TEXT.fullmatch(value) if type(value) is str else None
    number = Decimal(digits[1]) if digits is not None else value
    if type(number) not in (int, float, Decimal):
        raise UnreadableValueError(f"expected a number, got {_type_name(value)}")
    if minimum <= number <= maximum:
        return float(number)
    raise UnreadableValueError("the number is out of range")


def _boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) in (int, float) and value in (0, 1):
        return bool(value)
    known = _BOOLEAN_TEXT.fullmatch(value.lower()) if type(value) is str else None
    if known is None:
        raise UnreadableValueError(f"expected true or false, got {_type_name(value)}")
    return known[1] is not None


def _text(value: Any, max_bytes: int | None, accepted_values: frozenset[str] | None) -> str:
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if type(value) not in (str, int, float):
        raise UnreadableValueError(f"expected text, got {_type_name(value)}")
    text = str(value)
    if max_bytes is not None and len(text.encode()) > max_bytes:
        raise UnreadableValueError(f"the text is longer than {max_bytes} bytes")
    if accepted_values is not None and text not in accepted_values:
        raise UnreadableValueError("the text is not an accepted value")
    return _readable(text)


def _document(value: Any) -> str:
    try:
        text = encode_json(value)
    except ValueError:
        raise UnreadableValueError("the document cannot be stored") from None
    if "\ufffd" in text or r"\ufffd" in text:
        raise UnreadableValueError(_UNREADABLE_CHARACTER, text)
    return text


def _readable(text: str) -> str:
    """The text, if it contains neither NUL, which PostgreSQL cannot store, nor U+FFFD."""
    if "\x00" in text or "\ufffd" in text:
        raise UnreadableValueError(_UNREADABLE_CHARACTER, text.replace("\x00", "\ufffd"))
    return text


def _time(format_: TimestampFormat, value: Any, max_time: int) -> int:
    """A timestamp in the column's unit; the unit of the value is the one that gives a valid timestamp."""
    if type(value) is str and not _INTEGER_TEXT.fullmatch(value):
        seconds = _parse_iso(value)
        if seconds is None:
            raise UnreadableValueError("expected a timestamp, got text")
        number, units = seconds, _UNITS[:1]
    else:
        number = _integer(int(value) if type(value) is float and math.isfinite(value) else value, -_BIGINT, _BIGINT)
        units = _UNITS
    for unit in (format_.units_per_second, *units):
        if format_.min_time <= number // unit <= max_time:
            return number if unit == format_.units_per_second else number * format_.units_per_second // unit
    raise UnreadableValueError("the timestamp is out of range")


def _parse_iso_time(value: Any, max_time: int) -> str:
    """An ISO 8601 timestamp in UTC as it was sent; any other notation of a timestamp is converted to it."""
    if type(value) is str and not _INTEGER_TEXT.fullmatch(value):
        seconds = _parse_iso(value)
        if seconds is not None and 0 <= seconds <= max_time:
            return value if _STANDARD_ISO.fullmatch(value) else _format_iso(seconds)
        raise UnreadableValueError(
            "expected a timestamp, got text" if seconds is None else "the timestamp is out of range"
        )
    return _format_iso(_time(TimestampFormat(1, 0), value, max_time))


def _parse_iso(text: str) -> int | None:
    try:
        parsed = datetime.fromisoformat(text)
        return None if parsed.tzinfo is None else math.floor(parsed.timestamp())
    except (ValueError, OverflowError):
        return None


def _format_iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
