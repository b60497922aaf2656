"""Control characters of data are shown, not sent to a terminal."""

from __future__ import annotations

import unicodedata

import pytest

from warehouse.core.control_characters import escape_control_characters
from warehouse.core.errors import LadderError, UpstreamError


def test_no_control_character_and_nothing_that_turns_the_direction_of_text_is_left() -> None:
    everything = "".join(map(chr, range(0x110000)))
    left = [
        char for char in escape_control_characters(everything) if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
    ]
    assert left == []
    turning = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert not [char for char in escape_control_characters(everything) if unicodedata.bidirectional(char) in turning]


def test_what_is_shown_says_what_it_was() -> None:
    assert escape_control_characters("a\x1b]0;title\x07\x9b2J\u202eb\n") == r"a\x1b]0;title\x07\x9b2J\u202eb\n"
    assert escape_control_characters("one\n\ttwo\x1b", is_multiline=True) == "one\n\ttwo\\x1b"


@pytest.mark.parametrize("text", ["Дота 2", "नि\u200cत", "👩\u200d🚀", "名前", "a b"])
def test_every_script_stays_as_it_is(text: str) -> None:
    assert escape_control_characters(text) == text


@pytest.mark.parametrize("kind", [LadderError, UpstreamError])
def test_a_message_of_an_error_has_none_wherever_it_is_shown(kind: type[LadderError]) -> None:
    error = kind("the source says \x1b[2J", "look at \x9b1A")
    assert str(error) == r"the source says \x1b[2J; look at \x9b1A"
    assert "\x1b" not in error.message + repr(error.args)
