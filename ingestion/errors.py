"""What can go wrong while reading a source.

UpstreamError                 (warehouse.core.errors) a source cannot be read
+-- PermanentError            asking again will not help: a 4xx other than 408 and 429; of one thing
|   +-- NotFoundError         404 and 410 in the source's own words
|   +-- BlockedError          refused by what is in front of the API, or without a key; several in a row end the pass
|   +-- OversizedAnswer       a body larger than is read
|   +-- WrongKeyError         the key is refused; ends the pass
|   +-- WrongAddressError     what answers is not this source; ends the pass
+-- TransientError            asking again may help: 408, 429, 5xx, timeouts, broken or unreadable bodies
|   +-- Unreachable           nothing answers at the address; ends the pass
|   +-- BrokenAnswer          a body that is no JSON, whenever it is requested; it is stored, as a reject
+-- RefusedInARow             several things in a row were refused by what is in front of the API; ends the pass
+-- UnusableAnswer            an answer that does not hold what it should; it is stored, as a reject
+-- UnknownName           a name that no player has at the source, or several have
+-- DayLimitReached           the source answers no more today; ends the pass in good order
+-- CallBudgetSpent           we ask no more in this run; ends the pass in good order
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
    """Asking again will not help.

    Args:
        message: what is wrong, in one line.
        hint: what to do next.
        status: HTTP status of the answer.
        body: the answer's body.
        request: path and query that were requested.
        words: the source's own words in the body, in one short line.
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
    """A body is larger than is read."""


class NotFoundError(PermanentError):
    """The source does not know what was requested."""


class BlockedError(PermanentError):
    """Refused, but not by the API's judgement of the key or the thing: by the network's edge, or for want of a key."""


class WrongKeyError(PermanentError):
    """The source refuses the key."""


class WrongAddressError(PermanentError):
    """What answers at the address is not this source."""


class TransientError(UpstreamError):
    """Asking again may help."""


class Unreachable(TransientError):
    """Nothing answers at the address."""


class MalformedResponse(TransientError):
    """A body is no JSON, also after retries.

    Args:
        message: what is wrong, in one line.
        hint: what to do next.
        status: HTTP status of the answer.
        body: the answer's body.
        request: path and query that were requested.
    """

    def __init__(self, message: str, hint: str = "", *, status: int, body: bytes, request: str) -> None:
        super().__init__(message, hint)
        self.request = request
        self.status = status
        self.body = body


class ConsecutiveRefusals(UpstreamError):
    """Several things in a row were refused by what is in front of the API.

    Args:
        message: what was seen, in one line.
        hint: what to do next.
        is_of_source: even the path that everybody is answered was refused, so that nothing else is worth a request.
    """

    def __init__(self, message: str, hint: str = "", *, is_of_source: bool) -> None:
        super().__init__(message, hint)
        self.is_of_source = is_of_source


class UnusableResponse(UpstreamError):
    """An answer does not hold what it should; it is stored, as a reject."""


class UnknownPlayer(UpstreamError):
    """No player has a name at the source, or several have it."""


class DayLimitReached(UpstreamError):
    """The source answers no more today."""


class CallBudgetSpent(UpstreamError):
    """The run may ask no more."""
