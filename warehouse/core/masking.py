"""Mask the API key of a source in its responses and in logs."""

from __future__ import annotations

import json
import re
from functools import cached_property

from pydantic import SecretStr

__all__ = ["MASKED", "Mask"]

MASKED = "***"
#: A shorter text may occur in any response, and is not a valid key of these sources.
_MIN_KEY_LENGTH = 8


class Mask:
    """Replaces a key by `***`, before a text is truncated, stored or shown.

    Args:
        key: the key; None replaces nothing.
    """

    def __init__(self, key: SecretStr | None) -> None:
        self._key = "" if key is None else key.get_secret_value()

    def text(self, text: str) -> str:
        """Mask the key in a text, even if its characters are escaped for JSON, HTML or a URL."""
        return self._escaped.sub(MASKED, text) if self._key else text

    def body(self, body: bytes) -> bytes:
        """Mask the key in a body, in the forms that JSON encoders usually write; cheap for bodies of any size."""
        if len(self._key) < _MIN_KEY_LENGTH:
            return body
        escaped = json.dumps(self._key)[1:-1]
        for form in {self._key, escaped, escaped.replace("/", "\\/")}:
            body = body.replace(form.encode(), MASKED.encode())
        return body

    def error_body(self, body: bytes, *, is_cut: bool) -> bytes:
        """Mask the key in the body of an error response, in all forms that `text` masks.

        Args:
            body: the body.
            is_cut: the body is truncated, possibly within the key.
        """
        if not self._key:
            return body
        body = self._escaped_bytes.sub(MASKED.encode(), body)
        # An escaped character takes ten characters at most.
        return body[: -10 * len(self._key)] if is_cut else body

    @cached_property
    def _escaped(self) -> re.Pattern[str]:
        return re.compile(self._pattern, re.IGNORECASE)

    @cached_property
    def _escaped_bytes(self) -> re.Pattern[bytes]:
        return re.compile(self._pattern.encode(), re.IGNORECASE)

    @property
    def _pattern(self) -> str:
        """Pattern of the key in which each character may be escaped."""
        return "".join(
            rf"(?:\\?{re.escape(character)}|%{ord(character):02x}|\\u{ord(character):04x}"
            rf"|\\x{ord(character):02x}|&#0*{ord(character)};|&#x0*{ord(character):x};)"
            for character in self._key
        )
