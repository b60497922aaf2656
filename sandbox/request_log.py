"""What a simulated upstream was asked."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class LoggedRequest:
    """One request, as it came; `status` is 0 while it is being answered."""

    number: int  # from 1
    path: str
    query: str
    status: int = 0
    fault: str | None = None
    has_key: bool = False  # a valid key came along, wherever it was put


@dataclass
class RequestLog:
    """Every request since the start or the last `clear`."""

    entries: list[LoggedRequest] = field(default_factory=list)
    _opened: int = 0

    @property
    def count(self) -> int:
        """How many requests are in the log."""
        return len(self.entries)

    def open(self, path: str, query: str) -> LoggedRequest:
        """Note a request that begins."""
        self._opened += 1
        entry = LoggedRequest(self._opened, path, query)
        self.entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forget the requests; numbering goes on."""
        self.entries.clear()
