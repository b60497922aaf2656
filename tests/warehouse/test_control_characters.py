"""Control characters in data are escaped before they reach a terminal."""

from __future__ import annotations

import unicodedata

import pytest

from warehouse.core.control_characters import escape_control_characters
from warehouse.core.errors import LadderError, UpstreamError


def test_all_control_characters_and_direction_marks_are_escaped() -> None:
    everything = "".join(map(chr, range(0x110000)))
    left = [
        char for char in escape_control_characters(everything) if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
    ]
    assert left == []
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not [char for char in escape_control_characters(everything) if unicodedata.bidirectional(char) in turning]


def test_an_escape_shows_the_original_character() -> None:
    assert escape_control_characters("a\x1b]0;title\x07\x9b2J\u202eb\n") == r"a\x1b]0;title\x07\x9b2J\u202eb\n"
    assert escape_control_characters("one\n\ttwo\x1b", is_multiline=True) == "one\n\ttwo\\x1b"


@pytest.mark.parametrize("text", ["Дота 2", "नि\u200cत", "👩\u200d🚀", "名前", "a b"])
def test_text_of_any_script_is_unchanged(text: str) -> None:
    assert escape_control_characters(text) == text


@pytest.mark.parametrize("kind", [LadderError, UpstreamError])
def test_messages_of_errors_contain_no_control_characters(kind: type[LadderError]) -> None:
    error = kind("the source says \x1b[2J", "look at \x9b1A")
    assert str(error) == r"the source says \x1b[2J; look at \x9b1A"
    assert "\x1b" not in error.message + repr(error.args)
