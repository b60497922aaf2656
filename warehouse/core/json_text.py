"""Decode JSON as sources send it: a body is rejected only if it is not JSON, not because of one invalid value.

Parsers differ about lone surrogates, bytes that are not UTF-8, numbers out of range, `NaN`, control characters in
strings and unlimited nesting. Most bodies are decoded by msgspec alone; a body that it rejects is repaired and decoded
a second time.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

__all__ = ["InvalidJsonError", "encode_json", "read_json", "remove_fields", "validate_json"]

#: Levels of lists and objects that are kept of a body that is nested too deeply to be decoded.
_MAX_DEPTH = 200
_MAX_DIGITS = 400
_DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_ESCAPE = re.compile(
    r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)|\\u[dD][89a-fA-F][0-9a-fA-F]{2}",
    re.DOTALL,
)
#: A string without a closing quote ends at the end of the body. The pattern never restarts within a string, at an
#: escaped quote: that would take time quadratic in its length.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class InvalidJsonError(ValueError):
    """The body is not JSON."""


def read_json(body: bytes) -> Any:
    """Decode a body.

    Lone surrogates and bytes that are not UTF-8 become U+FFFD. A number that is out of a float's range, and `NaN`,
    become the text that was sent. If the body is nested too deeply to be decoded, values below 200 levels become null.

    Raises:
        InvalidJsonError: the body is not JSON; the message is a short reason.
    """
    try:
        return msgspec.json.decode(body)
    except _DECODE_ERRORS as error:
        reason = _reason(error)
    return _read_leniently(body, reason)


def validate_json(body: bytes) -> None:
    """Check that `read_json` can decode a body; cheaper than decoding if msgspec accepts the body.

    Raises:
        InvalidJsonError: the body is not JSON.
    """
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except _DECODE_ERRORS as error:
        reason = _reason(error)
    else:
        return
    _read_leniently(body, reason)


def _reason(error: Exception) -> str:
    return str(error).split(" - at")[0]


def _read_leniently(body: bytes, reason: str) -> Any:
    """Decode a body that msgspec rejected, in one pass over it.

    Raises:
        InvalidJsonError: the body is not JSON.
    """
    if not body.strip():
        raise InvalidJsonError("the body is empty")
    text = _ESCAPE.sub(lambda match: match[1] or r"\ufffd", body.decode("utf-8-sig", "replace"))
    try:
        return json.loads(
            _truncate_nesting(text),
            parse_int=_integer,
            parse_float=_number,
            parse_constant=lambda name: name,
            strict=False,
        )
    except (ValueError, RecursionError):
        raise InvalidJsonError(f"not JSON: {reason}") from None


def encode_json(value: Any) -> str:
    """Encode a decoded value as JSON text, with U+FFFD in place of NUL, which PostgreSQL cannot store in text.

    Raises:
        ValueError: the value cannot be encoded.
    """
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, OverflowError, UnicodeEncodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return _NUL.sub(r"\1\\ufffd", text) if r"\u0000" in text else text


#: The escape of a NUL, but not an escaped backslash followed by the same letters.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def remove_fields(body: bytes, names: frozenset[str]) -> bytes:
    """Remove fields and their values from a body that is not JSON, as far as they can be recognised.

    Removing the fields takes precedence over keeping the rest: if a value has no end, everything from the field's name
    on is removed.
    """
    text = body.decode("utf-8", "surrogateescape")
    field = re.compile(r'"(?:' + "|".join(map(re.escape, sorted(names))) + r')"\s*:?\s*')
    kept, position = [], 0
    while (found := field.search(text, position)) is not None:
        kept.append(text[position : found.start()] + '""')
        position = _end_of_value(text, found.end())
    return "".join([*kept, text[position:]]).encode("utf-8", "surrogateescape")


def _end_of_value(text: str, start: int) -> int:
    """End of the value that begins at `start`; the end of the text if the value is not terminated."""
    if text[start : start + 1] not in ("[", "{", '"'):
        scalar = re.compile(r"[\w.+-]*").match(text, start)
        return scalar.end() if scalar else start
    depth = 0
    for token in _TOKEN.finditer(text, start):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth <= 0:
            return token.end()
    return len(text)


def _truncate_nesting(text: str) -> str:
    """JSON text with null in place of values that are nested too deeply."""
    kept: list[str] = []
    depth = position = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == _MAX_DEPTH + 1:
                kept += (text[position : token.start()], "null")
        elif token[0] in "]}":
            depth -= 1
            if depth == _MAX_DEPTH:
                position = token.end()
    return text if not kept else "".join([*kept, text[position:]])


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


def _number(digits: str) -> float | str:
    number = float(digits)
    return digits if number in (float("inf"), float("-inf")) else number
