"""What a refusal is about: one thing, the key, the address, or the network that the request came from.

A source answers errors as JSON with a message. A refusal with another body comes from what is in front of it (the edge
of its network, a proxy), which blocks a network or a path and knows neither keys nor players. Without a key no key can
be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import SecretStr

from ingestion.errors import BlockedError, NotFoundError, PermanentError, WrongAddressError, WrongKeyError
from ingestion.parsing import ABSENT, message_of
from warehouse.core.json_text import InvalidJsonError, read_json
from warehouse.core.masking import Mask

__all__ = ["BodyKind", "Refused", "Upstream", "as_blocked", "in_short", "refusal", "wrong_address"]

BodyKind = Literal["the API's JSON", "other JSON", "a web page", "an empty body", "text"]

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_OF_KEYS = (401, 403)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a source answers.

    Args:
        name: name for messages, e.g. `OpenDota`.
        url: base URL; paths are appended as they are.
        key: key, sent as a bearer token.
        variables: beginning of the environment variables that say so, e.g. `LADDER_OPENDOTA`.
        open_path: a path that everybody is answered whose key is good, or who needs none. It shows whether a refusal is
            of everything; without one, the first refusal counts for everything.
    """

    name: str
    url: str
    key: SecretStr | None
    variables: str
    open_path: str = ""


@dataclass(frozen=True)
class Refused:
    """An answer that is a refusal. Its body is read once: a web page of any size may come in place of a message.

    Args:
        request: path and query.
        status: HTTP status, neither 2xx nor one that may pass.
        headers: headers, names in lower case.
        body: the body, decompressed.
    """

    request: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> BodyKind:
        """What the body is, in words for a message."""
        return self._read[0]

    @property
    def message(self) -> str:
        """The source's own words in the body; empty where there are none."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[BodyKind, str]:
        if not self.body.strip():
            return "an empty body", ""
        is_page = "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"
        try:
            message = message_of(read_json(self.body))
        except InvalidJsonError:
            return ("a web page" if is_page else "text"), ""
        if message is not None:
            return "the API's JSON", message
        return ("a web page" if is_page else "other JSON"), ""


def refusal(upstream: Upstream, refused: Refused, *, has_succeeded: bool) -> PermanentError:
    """The error for a refusal.

    Args:
        upstream: who refused.
        refused: the answer.
        has_succeeded: something was answered before, so that the address is right.
    """
    status, is_own = refused.status, refused.kind == "the API's JSON"
    words = in_short(refused.message, upstream.key)
    if is_own and upstream.key is not None and (status in _OF_KEYS or "api key" in words.lower()):
        return WrongKeyError(
            f"{upstream.name} refuses the key ({status}{f', {words}' if words else ''})",
            f"correct {upstream.variables}_KEY",
            status=status,
            body=refused.body,
            request=refused.request,
            words=words,
        )
    if not has_succeeded and not is_own and (300 <= status < 400 or status in ABSENT):
        seen = f"{upstream.name} answered {refused.request} with {_seen(upstream, refused)}"
        return wrong_address(upstream, seen, status, refused.body)
    if not is_own or status in _OF_KEYS or 300 <= status < 400:
        return as_blocked(upstream, refused)
    kind = NotFoundError if status in ABSENT else PermanentError
    message = f"{upstream.name} answered {refused.request} with {status}{f' ({words})' if words else ''}"
    return kind(message, status=status, body=refused.body, request=refused.request)


def as_blocked(upstream: Upstream, refused: Refused) -> BlockedError:
    """A refusal that is neither of a key nor in the API's own judgement of a thing, with what was seen."""
    key = "a key is set" if upstream.key is not None else "no key is set"
    hint = "this network's address may be blocked in front of the API: wait, or use another network"
    if upstream.key is None:
        hint += f", or set {upstream.variables}_KEY"
    return BlockedError(
        f"{upstream.name} refused {refused.request} with {_seen(upstream, refused)}, and {key}",
        hint,
        status=refused.status,
        body=refused.body,
        request=refused.request,
    )


def wrong_address(upstream: Upstream, seen: str, status: int, body: bytes) -> WrongAddressError:
    """The error for an address at which something else answers."""
    return WrongAddressError(
        f"{upstream.url} is not {upstream.name}: {seen}",
        f"correct {upstream.variables}_URL, which includes the API's base path",
        status=status,
        body=body,
    )


def in_short(message: str, key: SecretStr | None = None) -> str:
    """The message of an error answer in one short line, without the key."""
    words = " ".join(message.split())
    return Mask(key).text(words)[:200]


def _seen(upstream: Upstream, refused: Refused) -> str:
    """Status and kind of body, with the body's own words: its message or its title."""
    message = refused.message
    if refused.kind == "a web page":
        title = _TITLE.search(refused.body[:20_000].decode("utf-8", "replace"))
        message = title[1] if title else ""
    words = in_short(message, upstream.key)
    return f"{refused.status}, {refused.kind}{f' ({words})' if words else ''}"
