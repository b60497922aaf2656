"""Errors of the API.

ApiError                  a status, a code for programs, a message for people
+-- UnknownSubject        404: the player, board or other subject does not exist; remembered for a while
+-- Unavailable           503: temporary; `Retry-After` says when to try again
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["ApiError", "Unavailable", "UnknownSubject", "error_body"]


class ApiError(Exception):
    """A request that gets an error response.

    Args:
        status: HTTP status.
        code: stable identifier for programs.
        message: one line for people.
        detail: further information, or None.
    """

    def __init__(self, status: int, code: str, message: str, detail: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the error response."""
        return {"cache-control": "no-store"}


class UnknownSubject(ApiError):
    """The player, board or other subject does not exist in this generation."""

    def __init__(self, subject: str) -> None:
        super().__init__(404, f"unknown_{subject}", f"there is no such {subject}")


class Unavailable(ApiError):
    """A temporary error; a later request is likely to succeed.

    Args:
        code: stable identifier for programs.
        message: one line for people.
        retry_after_s: seconds after which to try again.
        detail: further information, or None.
    """

    def __init__(self, code: str, message: str, retry_after_s: int, detail: Any = None) -> None:
        super().__init__(503, code, message, detail)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Adds `Retry-After`."""
        return {**super().headers, "retry-after": str(self.retry_after_s)}


def error_body(code: str, message: str, detail: Any = None) -> bytes:
    """The error envelope, as JSON."""
    return msgspec.json.encode({"error": {"code": code, "message": message, "detail": detail}})
