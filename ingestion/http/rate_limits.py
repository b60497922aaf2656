"""Limits of requests: the interface of a source's rate limiter, and the call budget of a run."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Protocol

from ingestion.errors import CallBudgetSpent

__all__ = ["CallBudget", "Clock", "Limiter", "RequestSlot", "SystemClock"]


class Clock(Protocol):
    """The current time, and sleeping."""

    def now(self) -> datetime:
        """The current time, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The system clock."""

    def now(self) -> datetime:
        """The current time, UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class CallBudget:
    """The number of requests that may still be made.

    Args:
        limit: number of requests.
        parent: the budget of which this one is a part; requests count there too.
    """

    def __init__(self, limit: int, parent: CallBudget | None = None) -> None:
        self.limit = limit
        self.spent = 0
        self._parent = parent

    @property
    def left(self) -> int:
        """Number of requests that may still be made."""
        own = self.limit - self.spent
        return own if self._parent is None else min(own, self._parent.left)

    def sub_budget(self, budget_share: float) -> CallBudget:
        """A budget over a share (0 to 1) of the requests that are left, at least one request."""
        return CallBudget(max(1, math.ceil(self.left * budget_share)), parent=self)

    def spend(self) -> None:
        """Count one request.

        Raises:
            CallBudgetSpent: no request is left; none is counted.
        """
        if self.spent >= self.limit:
            what = "run's call budget" if self._parent is None else "stream's share of the call budget"
            raise CallBudgetSpent(f"the {what} of {self.limit} requests is spent", "run again for the rest")
        if self._parent is not None:
            self._parent.spend()
        self.spent += 1


class RequestSlot(Protocol):
    """Permission to make one request, which takes the rate-limit headers of the response."""

    def update_from_headers(self, headers: Mapping[str, str]) -> None:
        """Adopt the limits in the headers of a response."""

    def on_rate_limited(self, headers: Mapping[str, str], message: str) -> None:
        """Handle a 429: later requests wait as long as the source demands.

        Args:
            headers: headers of the response.
            message: error message of the response.

        Raises:
            DayLimitReached: the source accepts no more requests today.
        """


class Limiter(Protocol):
    """The rate limiter of one source."""

    @property
    def concurrency(self) -> int:
        """Maximum number of requests in flight."""

    def acquire(self) -> AbstractAsyncContextManager[RequestSlot]:
        """Wait until a request may be made; it is in flight until the block ends.

        Raises:
            DayLimitReached: the source accepts no more requests today.
        """
