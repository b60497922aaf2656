"""A key that a source repeats is masked: in messages, in logs, and in everything that is stored of a response."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from ingestion.http.client import Response
from tests.ingestion.scripted_server import Reply, error
from tests.ingestion.test_http import fetch
from warehouse.core import logs
from warehouse.core.masking import Mask
from warehouse.core.settings import Settings

CANARY = 'c4nary/9f2e"7d1b-a0&55=key'
_IN_JSON = json.dumps(CANARY)[1:-1]
#: So long that the message is cut in the middle of the key.
_LONG = "x" * (200 - len(CANARY) // 2)
_TITLE = "y" * (100 - len(CANARY) // 2)
REPLIES = {
    **{
        f"{status} {form}": error(status, text)
        for status in (400, 401, 403, 404, 408, 410, 429, 500, 503)
        for form, text in {
            "plain": f"no {_IN_JSON} here",
            "cut in the middle": f"{_LONG}{_IN_JSON}",
            "escaped": "".join(f"\\u{ord(character):04X}" for character in CANARY),
        }.items()
    },
    "403 title": Reply(403, f"<html><title>{_TITLE}{CANARY}</title>".encode(), {"content-type": "text/html"}),
    "403 escaped title": Reply(403, f"<title>{CANARY.replace('&', '&#38;')}</title>".encode()),
    "403 text": Reply(403, CANARY.encode()),
    "403 other JSON": Reply(403, json.dumps({"detail": CANARY}).encode()),
    "404 errors": Reply(404, json.dumps({"errors": [{"message": CANARY}]}).encode()),
    "302": Reply(302, CANARY.encode(), {"location": f"http://127.0.0.1:9/?key={quote(CANARY, safe='')}"}),
    "header": Reply(403, b"{}", {"x-key": CANARY, "retry-after": CANARY, "ratelimit-limit": CANARY}),
    "encoding": Reply(200, b"[]", {"content-encoding": CANARY}),
    "no header": Reply(200, b"[]", {f"{CANARY} is": "no name"}),
    "length": Reply(200, b"[]", {"content-length": CANARY}),
    "phrase": Reply(500, b"{}", phrase=f"no {CANARY}"),
    "200 broken": Reply(200, f'[{{"a": "{_IN_JSON}", }}]'.encode()),
    "200 page": Reply(200, f"<html><title>{CANARY}".encode(), {"content-type": "text/html"}),
    "200": Reply(200, json.dumps([{"key": "c4nary-9f2e7d1b"}]).encode()),
}


def _forms() -> tuple[str, ...]:
    """Parts of the key, in every form of escaping, that would give it away."""
    return ("c4nary", "9f2e", "7d1b-a0", "55=key", quote("7d1b-a0&55=key", safe=""), "\\u0063\\u0034\\u006e")


@pytest.mark.parametrize("name", REPLIES)
def test_a_key_that_a_response_repeats_is_in_no_message_no_body_no_header_and_no_log(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = "c4nary-9f2e7d1b" if name == "200" else CANARY
    settings = Settings(home=tmp_path, opendota_key=SecretStr(key), log_level="debug")
    before = logging.getLogger().handlers[:], logging.getLogger().level
    logs.configure_logging(settings, "test")
    try:
        [result], _ = fetch(lambda path, n: REPLIES[name], key=key, open_path="/open")
    finally:
        logging.getLogger().handlers[0].close()
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
    log = (tmp_path / "logs" / "test.log").read_text()
    assert "httpcore" in log
    shown = [log, str(result), repr(vars(result)) if not isinstance(result, Response) else repr(result)]
    if not isinstance(result, Response):
        shown.append(getattr(result, "body", b"").decode("utf-8", "replace"))
    for text in shown:
        assert not [form for form in _forms() if form.lower() in text.lower()], text


def test_a_key_is_masked_in_every_form_of_escaping_and_other_text_is_not() -> None:
    mask = Mask(SecretStr("Ab.c/12-"))
    for written in ("Ab.c/12-", "ab.C/12-", "Ab.c\\/12-", "Ab%2Ec%2f12-", "\\u0041b.c&#47;12&#x2d;"):
        assert mask.text(f"1 {written} 2") == "1 *** 2"
    assert mask.text("Abxc/12-") == "Abxc/12-"
    assert Mask(None).text("a") == "a"


@pytest.mark.parametrize("key", ["a b", "k\u00e9y", "k\ny"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match="must be printable ASCII without spaces") as refused:
        Settings(opendota_key=SecretStr(key))
    assert key not in str(refused.value)
    assert Settings(opendota_key=SecretStr("  \n")).opendota_key is None
