"""Every command escapes control characters of data in a terminal; pipes receive them unchanged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.orchestration.conftest import Filled

_LADDER = Path(sys.executable).with_name("ladder")
#: Sets the window's title, clears the screen (7 and 8 bits), moves up a line, and reverses the text direction.
HOSTILE = "a\x1b]0;owned\x07\x1b[2J\x9b2J\x1b[1A\u202e"
SHOWN = r"a\x1b]0;owned\x07\x1b[2J\x9b2J\x1b[1A\u202e"
_QUERY = "select 'a' || chr(27) || ']0;owned' || chr(7) || chr(27) || '[2J' || chr(155) || '2J' || chr(27) || '[1A' "
_QUERY += "|| chr(8238) as value"


def on_terminal(filled: Filled, *arguments: str) -> str:
    """Standard output of a command in a terminal."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as reader:
        process = subprocess.Popen(
            [_LADDER, *arguments], env=dict(filled.ladder.environment), stdout=theirs, stderr=subprocess.DEVNULL
        )
        os.close(theirs)
        written = b""
        try:
            while part := reader.read(4096):
                written += part
        except OSError:
            pass  # the terminal's other end is closed
        assert process.wait(60) == 0
    return written.decode()


def test_a_table_escapes_control_characters(filled: Filled) -> None:
    ended = filled.ladder("query", _QUERY)
    assert SHOWN in ended.output
    assert not set(HOSTILE) - set("a]0;owned[2J1A") & set(ended.output)
    # A value cannot imitate a row.
    assert r"one\ntwo" in filled.ladder("query", r"select E'one\ntwo' as value").output


@pytest.mark.parametrize("form", ["csv", "json"])
def test_rows_are_unchanged_in_a_pipe_and_escaped_in_a_terminal(filled: Filled, form: str) -> None:
    piped = filled.ladder("query", _QUERY, "--format", form).output
    assert (json.loads(piped)[0]["value"] if form == "json" else piped.splitlines()[1]) == HOSTILE
    seen = on_terminal(filled, "query", _QUERY, "--format", form)
    assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(seen)
    assert "owned" in seen


def test_a_message_escapes_control_characters(filled: Filled) -> None:
    ended = filled.ladder("query", f'select "{HOSTILE}"')
    assert (ended.code, len(ended.error_lines)) == (1, 1)
    assert SHOWN in ended.error_lines[0]
    assert "\x1b" not in ended.errors


def test_status_escapes_control_characters(filled: Filled) -> None:
    with psycopg.connect(filled.database.admin_url) as connection:
        connection.execute("INSERT INTO ops.drift VALUES ('opendota', %s, 9, 1, 1)", [HOSTILE])
    try:
        seen, as_json = filled.ladder("status").output, on_terminal(filled, "status", "--json")
    finally:
        with psycopg.connect(filled.database.admin_url) as connection:
            connection.execute("DELETE FROM ops.drift WHERE field = %s", [HOSTILE])
    assert r"a\x1b]0;owned\x07" in "".join(seen.split())
    assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(seen + as_json)
