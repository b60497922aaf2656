"""Errors of reading a source.

UpstreamError                 (warehouse.core.errors) a source cannot be read
+-- PermanentError            a retry will not help: a 4xx other than 408 and 429; concerns one work item
|   +-- NotFoundError         404 or 410 with the API's own error message
|   +-- BlockedError          rejected in front of the API, or without a key; several in a row stop the sync
|   +-- OversizedResponse     the body exceeds the size limit
|   +-- WrongKeyError         the API rejects the key; stops the sync
|   +-- WrongAddressError     another service responds at the address; stops the sync
+-- TransientError            a retry may help: 408, 429, 5xx, timeouts, broken or unreadable bodies
|   +-- Unreachable           no server responds at the address; stops the sync
|   +-- MalformedResponse     the body is not JSON, even after retries; it is stored, as a reject
+-- ConsecutiveRefusals       several work items in a row were rejected in front of the API; stops the sync
+-- UnusableResponse          the body lacks the expected content; it is stored, as a reject
+-- UnknownPlayer             no player of the source has the name, or several have
+-- DayLimitReached           the source accepts no more requests today; a normal end of the sync
+-- CallBudgetSpent           the run may make no more requests; a normal end of the sync
"""

from __future__ import annotations

from warehouse.core.errors import UpstreamError

__all__ = [
    "BlockedError",
    "CallBudgetSpent",
    "ConsecutiveRefusals",
    "DayLimitReached",
    "MalformedResponse",
    "NotFoundError",
    "OversizedResponse",
    "PermanentError",
    "TransientError",
    "UnknownPlayer",
    "Unreachable",
    "UnusableResponse",
    "WrongAddressError",
    "WrongKeyError",
]


class PermanentError(UpstreamError):
    """A retry will not help.

    Args:
        message: the cause, in one line.
        hint: the next step.
        status: HTTP status of the response.
        body: body of the response.
        request: path and query of the request.
        api_message: the API's error message, in one short line.
    """

    def __init__(
        self, message: str, hint: str = "", *, status: int, body: bytes = b"", request: str = "", api_message: str = ""
    ) -> None:
        super().__init__(message, hint)
        self.request = request
        self.status = status
        self.body = body
        self.api_message = api_message


class OversizedResponse(PermanentError):
    """The body exceeds the size limit."""


class NotFoundError(PermanentError):
    """The source does not know the requested entity."""


class BlockedError(PermanentError):
    """Rejected, but not by the API: by the edge of its network, or because no key was sent."""


class WrongKeyError(PermanentError):
    """The API rejects the key."""


class WrongAddressError(PermanentError):
    """Another service responds at the address."""


class TransientError(UpstreamError):
    """A retry may help."""


class Unreachable(TransientError):
    """No server responds at the address."""


class MalformedResponse(TransientError):
    """The body is not JSON, even after retries.

    Args:
        message: the cause, in one line.
        hint: the next step.
        status: HTTP status of the response.
        body: body of the response.
        request: path and query of the request.
    """

    def __init__(self, message: str, hint: str = "", *, status: int, body: bytes, request: str) -> None:
        super().__init__(message, hint)
        self.request = request
        self.status = status
        self.body = body


class ConsecutiveRefusals(UpstreamError):
    """Several work items in a row were rejected in front of the API.

    Args:
        message: what was observed, in one line.
        hint: the next step.
        is_of_source: even the open path (`Upstream.open_path`) was rejected, so the whole source is blocked.
    """

    def __init__(self, message: str, hint: str = "", *, is_of_source: bool) -> None:
        super().__init__(message, hint)
        self.is_of_source = is_of_source


class UnusableResponse(UpstreamError):
    """The body lacks the expected content; it is stored, as a reject."""


class UnknownPlayer(UpstreamError):
    """No player of the source has the name, or several have."""


class DayLimitReached(UpstreamError):
    """The source accepts no more requests today."""


class CallBudgetSpent(UpstreamError):
    """The run may make no more requests."""
