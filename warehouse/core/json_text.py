"""JSON as sources send it, to Python objects: only a body that is no JSON is refused, never for one odd value in it.

Parsers differ about lone surrogates, bytes that are not UTF-8, numbers beyond any range, `NaN`, control characters in
texts and nesting without end. The usual body goes through msgspec alone; one that it refuses is mended and read again.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

__all__ = ["InvalidJsonError", "encode_json", "read_json", "remove_fields", "validate_json"]

#: Levels of lists and objects that are kept of a body that is nested beyond what can be read.
_MAX_DEPTH = 200
_MAX_DIGITS = 400
_DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_ESCAPE = re.compile(
    r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)|\\u[dD][89a-fA-F][0-9a-fA-F]{2}",
    re.DOTALL,
)
#: A text ends where the body does when nothing ends it. It is never tried again from within, at an escaped quote: that
#: would cost the square of its length.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class InvalidJsonError(ValueError):
    """A body that is no JSON."""


def read_json(body: bytes) -> Any:
    """Decode a body.

    Half of a surrogate pair, and bytes that are not UTF-8, become U+FFFD. A number that no float holds, and `NaN`,
    become the text that was sent. What lies deeper than 200 levels becomes null where not all of it can be read.

    Raises:
        NotJsonError: it is no JSON; the message says why in a few words.
    """
    try:
        return msgspec.json.decode(body)
    except _DECODE_ERRORS as error:
        reason = _reason(error)
    return _read_leniently(body, reason)


def validate_json(body: bytes) -> None:
    """Refuse a body that `read_json` refuses, at less cost where nothing in it is odd.

    Raises:
        NotJsonError: it is no JSON.
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
    """Decode a body that msgspec refused, in one pass over it.

    Raises:
        NotJsonError: it is no JSON.
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
    """A decoded value as JSON text, with U+FFFD in place of NUL, which PostgreSQL stores in no text.

    Raises:
        ValueError: it cannot be written.
    """
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, OverflowError, UnicodeEncodeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    return _NUL.sub(r"\1\\ufffd", text) if r"\u0000" in text else text


#: The escape of a NUL, and not an escaped backslash before the same letters.
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def remove_fields(body: bytes, names: frozenset[str]) -> bytes:
    """A body that is no JSON without what follows the names of these fields, as far as can be known.

    What may not be stored weighs more than the rest: where a value has no end, everything from its name on is left
    out.
    """
    text = body.decode("utf-8", "surrogateescape")
    field = re.compile(r'"(?:' + "|".join(map(re.escape, sorted(names))) + r')"\s*:?\s*')
    kept, position = [], 0
    while (found := field.search(text, position)) is not None:
        kept.append(text[position : found.start()] + '""')
        position = _end_of_value(text, found.end())
    return "".join([*kept, text[position:]]).encode("utf-8", "surrogateescape")


def _end_of_value(text: str, start: int) -> int:
    """Where the value that begins here ends; the end of the text where it does not."""
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
    """Text of JSON with null in place of what is nested too deeply."""
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
