"""Classification of refused requests: by entity, by key, by address, or by the network that the request came from.

A source returns its errors as JSON with a message. A refusal with another body comes from a system in front of the API
(the edge of its network, a proxy), which blocks a network or a path and knows neither keys nor players. Without a key,
the key cannot be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import SecretStr

from ingestion.errors import BlockedError, NotFoundError, PermanentError, WrongAddressError, WrongKeyError
from ingestion.parsing import ABSENT_STATUSES, message_in
from warehouse.core.json_text import InvalidJsonError, read_json
from warehouse.core.masking import Mask

__all__ = [
    "BodyKind",
    "RefusedResponse",
    "Upstream",
    "blocked_error",
    "one_line",
    "refusal_error",
    "wrong_address_error",
]

BodyKind = Literal["the API's JSON", "other JSON", "a web page", "an empty body", "text"]

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_KEY_STATUSES = (401, 403)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Address and key of a source's API.

    Args:
        name: name for messages, e.g. `OpenDota`.
        url: base URL; paths are appended as they are.
        key: API key, sent as a bearer token.
        variable_prefix: prefix of the environment variables of URL and key, e.g. `LADDER_OPENDOTA`.
        open_path: a path that every valid key may read, or every client if no key is required. It shows whether a
            refusal concerns the whole source; without an open path, the first refusal does.
    """

    name: str
    url: str
    key: SecretStr | None
    variable_prefix: str
    open_path: str = ""


@dataclass(frozen=True)
class RefusedResponse:
    """A response that refuses a request. Its body is parsed once, since it may be a web page of any size.

    Args:
        request: path and query.
        status: HTTP status, neither 2xx nor a transient one.
        headers: headers, names in lower case.
        body: the body, decompressed.
    """

    request: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def body_kind(self) -> BodyKind:
        """The kind of body, as text for a message."""
        return self._read[0]

    @property
    def message(self) -> str:
        """The API's error message in the body; empty if there is none."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[BodyKind, str]:
        if not self.body.strip():
            return "an empty body", ""
        is_page = "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"
        try:
            message = message_in(read_json(self.body))
        except InvalidJsonError:
            return ("a web page" if is_page else "text"), ""
        if message is not None:
            return "the API's JSON", message
        return ("a web page" if is_page else "other JSON"), ""


def refusal_error(upstream: Upstream, refused: RefusedResponse, *, has_succeeded: bool) -> PermanentError:
    """The error for a refused request.

    Args:
        upstream: the API.
        refused: the response.
        has_succeeded: an earlier request succeeded, so the address is right.
    """
    status, is_from_api = refused.status, refused.body_kind == "the API's JSON"
    api_message = one_line(refused.message, upstream.key)
    if is_from_api and upstream.key is not None and (status in _KEY_STATUSES or "api key" in api_message.lower()):
        return WrongKeyError(
            f"{upstream.name} refuses the key ({status}{f', {api_message}' if api_message else ''})",
            f"correct {upstream.variable_prefix}_KEY",
            status=status,
            body=refused.body,
            request=refused.request,
            api_message=api_message,
        )
    if not has_succeeded and not is_from_api and (300 <= status < 400 or status in ABSENT_STATUSES):
        description = f"{upstream.name} responded to {refused.request} with {_described(upstream, refused)}"
        return wrong_address_error(upstream, description, status, refused.body)
    if not is_from_api or status in _KEY_STATUSES or 300 <= status < 400:
        return blocked_error(upstream, refused)
    error_class = NotFoundError if status in ABSENT_STATUSES else PermanentError
    message = (
        f"{upstream.name} responded to {refused.request} with {status}{f' ({api_message})' if api_message else ''}"
    )
    return error_class(message, status=status, body=refused.body, request=refused.request)


def blocked_error(upstream: Upstream, refused: RefusedResponse) -> BlockedError:
    """The error for a refusal that does not come from the API, with a description of the response."""
    key = "a key is set" if upstream.key is not None else "no key is set"
    hint = "this network's address may be blocked in front of the API: wait, or use another network"
    if upstream.key is None:
        hint += f", or set {upstream.variable_prefix}_KEY"
    return BlockedError(
        f"{upstream.name} refused {refused.request} with {_described(upstream, refused)}, and {key}",
        hint,
        status=refused.status,
        body=refused.body,
        request=refused.request,
    )


def wrong_address_error(upstream: Upstream, description: str, status: int, body: bytes) -> WrongAddressError:
    """The error for an address where another service responds."""
    return WrongAddressError(
        f"{upstream.url} is not {upstream.name}: {description}",
        f"correct {upstream.variable_prefix}_URL, which includes the API's base path",
        status=status,
        body=body,
    )


def one_line(message: str, key: SecretStr | None = None) -> str:
    """An error message in one short line, without the key."""
    api_message = " ".join(message.split())
    return Mask(key).text(api_message)[:200]


def _described(upstream: Upstream, refused: RefusedResponse) -> str:
    """Status and kind of body, with the message or title in the body."""
    message = refused.message
    if refused.body_kind == "a web page":
        title = _TITLE.search(refused.body[:20_000].decode("utf-8", "replace"))
        message = title[1] if title else ""
    api_message = one_line(message, upstream.key)
    return f"{refused.status}, {refused.body_kind}{f' ({api_message})' if api_message else ''}"
