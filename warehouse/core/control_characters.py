r"""Text of others as a terminal may have it: control characters are shown (`\x1b`), not sent.

A nickname, an upstream's message or a value of a table may hold sequences that move the cursor, set the title, fill the
clipboard or reverse the order of what follows. Joiners that scripts and emoji need stay.
"""

from __future__ import annotations

__all__ = ["escape_control_characters"]

#: C0 and C1 controls, line and paragraph separators, surrogates, and what changes the direction of text.
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
    """The text with its control characters as escapes.

    Args:
        text: any text.
        has_lines: line ends and tabs are layout, and stay.
    """
    return text.translate(_ESCAPED_IN_LINES if is_multiline else _ESCAPED)
