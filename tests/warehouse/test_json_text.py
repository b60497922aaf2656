"""JSON is decoded at a cost linear in its size, whatever is wrong with it; excluded fields are removed."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import msgspec
import pytest

from warehouse.core.json_text import InvalidJsonError, read_json, remove_fields, validate_json

#: Escapes in a body of megabytes. A quadratic cost would take hours.
_MANY = 500_000
#: CPU time (s) after which a test fails; the expected time is a hundredth of it.
_CPU_LIMIT_S = 20


@contextmanager
def cpu_time_limit() -> Iterator[None]:
    """Fail after a CPU time limit instead of hanging."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise AssertionError("the cost is not linear in the size")

    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, _CPU_LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Number of calls of each decoder."""
    counted: Counter[str] = Counter()

    def counting(name: str, decode: Any) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            counted[name] += 1
            return decode(*args, **named)

        return call

    monkeypatch.setattr(json, "loads", counting("json", json.loads))
    monkeypatch.setattr(msgspec.json, "decode", counting("msgspec", msgspec.json.decode))
    return counted


@pytest.mark.parametrize("size", [10, 10_000])
@pytest.mark.parametrize("characters", [rb"\ud800", b"\xff", b"\x00", rb"\u0000\ud800", rb"\"\udc00"])
def test_each_decoder_is_called_once_however_many_characters_are_invalid(
    readings: Counter[str], characters: bytes, size: int
) -> None:
    body = b'[{"name": "' + characters * size + b'"}]'
    [record] = read_json(body)
    assert record["name"]
    assert readings == {"msgspec": 1, "json": 1}
    readings.clear()
    validate_json(body)
    assert readings["msgspec"] == 1
    assert readings["json"] <= 1


@pytest.mark.parametrize(
    "body",
    [
        b'[{"name": "' + rb"\"" * _MANY,
        b'[{"name": "' + rb"\"\ud800" * _MANY + b"\\",
        b'[{"name": "' + rb"\x" * _MANY + b'"}]',
        b'[{"name": "' + b"\\" * _MANY,
        b"[" + b'"' * _MANY,
        b'{"a": ' * _MANY,
        b'[{"name": "' + b"\x00\xff" * _MANY,
    ],
    ids=["quotes", "quotes and surrogates", "unknown escapes", "backslashes", "texts", "levels", "bytes"],
)
def test_a_large_malformed_body_is_rejected_at_a_cost_linear_in_its_size(readings: Counter[str], body: bytes) -> None:
    with cpu_time_limit():
        with pytest.raises(InvalidJsonError):
            read_json(body)
        with pytest.raises(InvalidJsonError):
            validate_json(body)
        remove_fields(b'{"chat": ' + body, frozenset(("chat",)))
    assert readings == {"msgspec": 2, "json": 2}


@pytest.mark.parametrize(
    "text",
    ['"secret [x] secret', '["secret", "secret [x] ] secret', r'"secret \"{}\" secret', '"secret [x] secret \\'],
)
def test_a_truncated_string_is_removed_to_the_end_of_the_body(text: str) -> None:
    assert remove_fields(b'{"id": 1, "chat": ' + text.encode(), frozenset(("chat",))) == b'{"id": 1, ""'
