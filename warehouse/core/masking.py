"""The key of a source, removed from whatever the source sends back and whatever is logged of that."""

from __future__ import annotations

import json
import re
from functools import cached_property

from pydantic import SecretStr

__all__ = ["MASKED", "Mask"]

MASKED = "***"
#: A shorter one may be a word of any answer, and is no key of these sources.
_MIN_KEY_LENGTH = 8


class Mask:
    """Replaces a key by `***`, before anything is cut, stored or shown.

    Args:
        key: the key; without one nothing is replaced.
    """

    def __init__(self, key: SecretStr | None) -> None:
        self._key = "" if key is None else key.get_secret_value()

    def text(self, text: str) -> str:
        """A text without the key, also where characters of it are escaped for JSON, HTML or an address."""
        return self._escaped.sub(MASKED, text) if self._key else text

    def body(self, body: bytes) -> bytes:
        """A body without the key as JSON usually writes it; costs little, whatever the size."""
        if len(self._key) < _MIN_KEY_LENGTH:
            return body
        escaped = json.dumps(self._key)[1:-1]
        for form in {self._key, escaped, escaped.replace("/", "\\/")}:
            body = body.replace(form.encode(), MASKED.encode())
        return body

    def error_body(self, body: bytes, *, is_cut: bool) -> bytes:
        """The body of an error without the key, in the forms of `text`.

        Args:
            body: the body.
            is_cut: it is the beginning of a longer one, where the key may be cut in two.
        """
        if not self._key:
            return body
        body = self._escaped_bytes.sub(MASKED.encode(), body)
        # No character is escaped in more than ten.
        return body[: -10 * len(self._key)] if is_cut else body

    @cached_property
    def _escaped(self) -> re.Pattern[str]:
        return re.compile(self._pattern, re.IGNORECASE)

    @cached_property
    def _escaped_bytes(self) -> re.Pattern[bytes]:
        return re.compile(self._pattern.encode(), re.IGNORECASE)

    @property
    def _pattern(self) -> str:
        """A pattern of the key in which each character may be escaped."""
        return "".join(
            rf"(?:\\?{re.escape(character)}|%{ord(character):02x}|\\u{ord(character):04x}"
            rf"|\\x{ord(character):02x}|&#0*{ord(character)};|&#x0*{ord(character):x};)"
            for character in self._key
        )
