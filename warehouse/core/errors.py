"""Errors that are shown to users.

LadderError               states what is wrong and what to do next, in one line; the CLI prints it and exits with 1
+-- ConfigurationError    a setting, a URL or a key is wrong
+-- DatabaseError         PostgreSQL cannot be reached, is too old, or lacks rights
+-- LakeError             the lake cannot be written or read (disk full, no rights, damaged file)
+-- UpstreamError         a source cannot be read (see `ingestion.errors` for permanent and transient)
+-- BuildError            dbt could not build or a test failed; the old generation keeps serving
+-- PublicationError      a generation could not be promoted
"""

from __future__ import annotations

from warehouse.core.control_characters import escape_control_characters

__all__ = [
    "BuildError",
    "ConfigurationError",
    "DatabaseError",
    "LadderError",
    "LakeError",
    "PublicationError",
    "UpstreamError",
]


class LadderError(Exception):
    """Base class of errors that are shown to users. Control characters in the message are escaped.

    Args:
        message: what is wrong, without a trailing full stop.
        hint: what to do next, in the imperative; printed after the message.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = escape_control_characters(message, is_multiline=True)
        self.hint = escape_control_characters(hint, is_multiline=True)
        super().__init__(self.message)

    def __str__(self) -> str:
        """Message and hint in one line."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


class ConfigurationError(LadderError):
    """A setting, a URL or a key is wrong."""


class DatabaseError(LadderError):
    """PostgreSQL cannot be reached, is too old, or lacks rights."""


class LakeError(LadderError):
    """The lake cannot be written or read."""


class UpstreamError(LadderError):
    """A source cannot be read."""


class BuildError(LadderError):
    """dbt could not build, or a test failed."""


class PublicationError(LadderError):
    """A generation could not be promoted."""
