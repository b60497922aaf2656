r"""Escape control characters (`\x1b`) in text from outside before it is printed on a terminal.

A nickname, an upstream's message or a value of a table may contain sequences that move the cursor, set the title, write
to the clipboard or reverse the direction of the following text. Joiners that scripts and emoji need are kept.
"""

from __future__ import annotations

__all__ = ["escape_control_characters"]

#: C0 and C1 controls, line and paragraph separators, surrogates, and characters that change the direction of text.
_CONTROLS = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0x061C,
    *range(0x200E, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
    0xFEFF,
    *range(0xD800, 0xE000),
)
_ESCAPED = {point: chr(point).encode("unicode_escape").decode() for point in _CONTROLS}
_ESCAPED_IN_LINES = {point: text for point, text in _ESCAPED.items() if chr(point) not in "\n\t"}


def escape_control_characters(text: str, *, is_multiline: bool = False) -> str:
    """Replace control characters by their escapes.

    Args:
        text: any text.
        is_multiline: keep line breaks and tabs.
    """
    return text.translate(_ESCAPED_IN_LINES if is_multiline else _ESCAPED)
