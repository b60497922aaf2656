"""Why a request gets no data.

Refusal                   a status, a code for programs, a line for people
+-- UnknownSubject        404: there is no such player or board; remembered for a while
+-- Unavailable           503: comes back by itself, `Retry-After` says when to ask again
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["ApiError", "Unavailable", "UnknownSubject", "error_body"]


class ApiError(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP status.
        code: for programs; does not change.
        message: for people, one line.
        detail: anything more, or None.
    """

    def __init__(self, status: int, code: str, message: str, detail: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail

    @property
    def headers(self) -> dict[str, str]:
        """Headers that go with the error."""
        return {"cache-control": "no-store"}


class UnknownSubject(ApiError):
    """There is no such player or board in this generation."""

    def __init__(self, subject: str) -> None:
        super().__init__(404, f"unknown_{subject}", f"there is no such {subject}")


class Unavailable(ApiError):
    """No answer now; a later one is likely.

    Args:
        code: for programs.
        message: for people.
        retry_after_s: seconds after which to ask again.
        detail: anything more, or None.
    """

    def __init__(self, code: str, message: str, retry_after_s: int, detail: Any = None) -> None:
        super().__init__(503, code, message, detail)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After` as well."""
        return {**super().headers, "retry-after": str(self.retry_after_s)}


def error_body(code: str, message: str, detail: Any = None) -> bytes:
    """The error envelope, as JSON."""
    return msgspec.json.encode({"error": {"code": code, "message": message, "detail": detail}})
