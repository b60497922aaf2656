"""The log of a simulated upstream's requests."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class LoggedRequest:
    """One request; `status` is 0 until its response is ready."""

    number: int  # from 1
    path: str
    query: str
    status: int = 0
    fault: str | None = None
    has_key: bool = False  # the request has a valid key, in the header or the query


@dataclass
class RequestLog:
    """Every request since the start or the last `clear`."""

    entries: list[LoggedRequest] = field(default_factory=list)
    _opened: int = 0

    @property
    def count(self) -> int:
        """Number of requests in the log."""
        return len(self.entries)

    def open(self, path: str, query: str) -> LoggedRequest:
        """Add a request that begins."""
        self._opened += 1
        entry = LoggedRequest(self._opened, path, query)
        self.entries.append(entry)
        return entry

    def clear(self) -> None:
        """Remove all requests; numbering continues."""
        self.entries.clear()
