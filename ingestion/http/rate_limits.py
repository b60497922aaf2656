"""What limits requests: a source's own limits, which it brings along, and how often a run asks at all."""

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
    """Time, and waiting for it."""

    def now(self) -> datetime:
        """This moment, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """This moment, UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class CallBudget:
    """Requests that may still be made.

    Args:
        limit: number of requests.
        whole: the budget that this one is a part of; what is spent here is spent there too.
    """

    def __init__(self, limit: int, parent: CallBudget | None = None) -> None:
        self.limit = limit
        self.spent = 0
        self._parent = parent

    @property
    def left(self) -> int:
        """Requests that may still be made."""
        own = self.limit - self.spent
        return own if self._parent is None else min(own, self._parent.left)

    def sub_budget(self, budget_share: float) -> CallBudget:
        """A budget over a share (0 to 1) of what is left, at least one request."""
        return CallBudget(max(1, math.ceil(self.left * budget_share)), parent=self)

    def spend(self) -> None:
        """Count one request.

        Raises:
            CallBudgetSpent: none is left; nothing is counted.
        """
        if self.spent >= self.limit:
            what = "run's call budget" if self._parent is None else "pass's share of the call budget"
            raise CallBudgetSpent(f"the {what} of {self.limit} requests is spent", "run again for the rest")
        if self._parent is not None:
            self._parent.spend()
        self.spent += 1


class RequestSlot(Protocol):
    """Leave to make one request. Tell it what the answer said."""

    def update_from_headers(self, headers: Mapping[str, str]) -> None:
        """Take over what the headers of an answer say of limits."""

    def on_rate_limited(self, headers: Mapping[str, str], message: str) -> None:
        """The request was one too many (429): make those that follow wait as long as the source asks for.

        Args:
            headers: headers of the answer.
            said: its message.

        Raises:
            DayLimitReached: the source answers no more today.
        """


class Limiter(Protocol):
    """Keeps requests within the limits of one source."""

    @property
    def concurrency(self) -> int:
        """Requests under way at once."""

    def acquire(self) -> AbstractAsyncContextManager[RequestSlot]:
        """Wait until a request may be made; it is under way until the block ends.

        Raises:
            DayLimitReached: no request may be made today.
        """
