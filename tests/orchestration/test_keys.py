"""`ladder keys`: a key is shown once, listed without its secret, and revoked by id or name."""

from __future__ import annotations

import json
import re

import pytest

from tests.orchestration.conftest import CommandLine


def test_a_key_is_the_only_output_and_is_shown_once(ladder: CommandLine) -> None:
    made = ladder("keys", "create", "dashboard", "--scope", "business", "--requests", "60", "--expires-in-days", "30")
    assert made.code == 0
    assert re.fullmatch("ldr_[a-z0-9]{8}_[A-Za-z0-9]{32}\n", made.output)
    secret = made.output.strip()[-32:]
    assert secret not in made.errors
    shown = ladder("keys", "list")
    assert secret not in shown.output
    for text in (made.output[4:12], "dashboard", "public, business", "60/min", "never", "valid until"):
        assert text in shown.output


def test_keys_are_listed_as_json(ladder: CommandLine) -> None:
    made = ladder("keys", "create", "dashboard")
    (key,) = json.loads(ladder("keys", "list", "--json").output)
    assert (key["key_id"], key["name"], key["scopes"]) == (made.output[4:12], "dashboard", ["public"])
    assert made.output.strip() not in json.dumps(key)


def test_revoked_keys_are_shown_on_request(ladder: CommandLine) -> None:
    first, second = (ladder("keys", "create", name).output[4:12] for name in ("one", "two"))
    ended = ladder("keys", "revoke", first, "two")
    assert ended.code == 0
    assert all(f"{key_id} (" in ended.output for key_id in (first, second))
    assert "no keys" in ladder("keys", "list").output
    assert ladder("keys", "list", "--revoked").output.count("revoked 2") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("create", "a\tb"), 1, "printable"),
        (("create", "x", "--scope", "everything"), 2, "everything"),
        (("create", "x", "--requests", "0"), 2, "--requests"),
        (("revoke", "unknown"), 1, "unknown"),
    ],
)
def test_a_mistake_is_one_line(ladder: CommandLine, arguments: tuple[str, ...], code: int, message: str) -> None:
    ended = ladder("keys", *arguments)
    assert ended.code == code
    assert message in ended.errors
    assert ended.output == ""


def test_a_taken_name_is_rejected(ladder: CommandLine) -> None:
    assert ladder("keys", "create", "dashboard").code == 0
    ended = ladder("keys", "create", "dashboard")
    assert (ended.code, ended.output) == (1, "")
    assert "dashboard" in ended.error_lines[0]
