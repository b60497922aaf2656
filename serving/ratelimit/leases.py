"""Rate limit leases: what each caller may use in this process without a round trip to the shared bucket.

A limit is a token bucket that all processes share. It holds the tokens of ten seconds and fills at the rate of the
limit. A process holds a lease, a part of the bucket, and counts it down in memory. A new caller does not wait for a
lease: the process borrows one lease at once and takes it out of the bucket at the next sync, even below zero. This debt
is paid before the bucket grants anything else, so the rate holds in the long run.

In any t seconds a caller gets at most one bucket, two leases per process, and what the bucket fills in t: a process may
hold a lease beside a full bucket at the start, and borrow one from an empty bucket at the end. Leases are sized so that
both together are at most a second bucket (or two requests per process, if a bucket holds less). Each further server on
the same Redis adds its own leases. The rows of a response are counted when it is sent, so the last responses may exceed
the limit by their rows; that is a debt too.
"""

from __future__ import annotations

import math
import time

__all__ = ["WINDOW_S", "Caller", "RateLimitLease"]

WINDOW_S = 10
"""Seconds in which an empty bucket fills."""
KEY_SUBJECT_PREFIX = "key:"
"""Prefix of the subject of a caller with an API key."""


class RateLimitLease:
    """The lease of one process on one limit of one caller.

    Args:
        per_minute: the limit; 0 for no limit.
        processes: number of workers of this server.
    """

    __slots__ = (
        "capacity",
        "debt",
        "low_water_mark",
        "per_minute",
        "per_second",
        "processes",
        "remaining",
        "size",
        "wait_s",
    )

    def __init__(self, per_minute: int, processes: int) -> None:
        self.per_minute = per_minute
        self.processes = processes
        self.per_second = per_minute / 60
        self.capacity: float = max(1, per_minute * WINDOW_S // 60) if per_minute else math.inf
        """Tokens in a full bucket."""
        self.size: float = max(1, self.capacity // (2 * processes)) if per_minute else math.inf
        """Maximum number of tokens that this process holds."""
        self.low_water_mark: float = self.size / 2 if per_minute else -math.inf
        """Below this the process requests a sync."""
        self.remaining: float = self.size
        """Tokens that may be used; negative after a response with more rows than remained."""
        self.debt: float = self.size if per_minute else 0
        """Tokens that were borrowed and are not yet taken out of the bucket."""
        self.wait_s = 0.0
        """Seconds until a token is available, at the time of the last sync."""

    @property
    def window_s(self) -> int:
        """Seconds in which the bucket fills."""
        return math.ceil(self.capacity / self.per_second)

    @property
    def idle_after_s(self) -> float:
        """Seconds without a request after which a caller counts as new; the debts of all processes are paid by then."""
        return max(self.capacity, 2 * self.processes * self.size) / self.per_second if self.per_minute else 0.0

    def requested_amount(self, *, is_idle: bool) -> int:
        """Tokens to request from the bucket to hold a full lease again; an idle caller returns its lease."""
        return math.floor((0 if is_idle else self.size) - self.remaining) if self.per_minute else 0

    def apply_sync(self, debt: float, granted: float, level: float, *, is_idle: bool) -> None:
        """Apply the result of a sync with the bucket.

        Args:
            debt: the debt that was taken out of the bucket.
            granted: tokens that the bucket granted; negative if tokens were returned.
            level: level of the bucket afterwards; negative if more was borrowed than it held.
            is_idle: whether the caller counts as new from now on.
        """
        if self.per_minute:
            borrowed = self.size if is_idle else 0
            self.debt += borrowed - debt
            self.remaining += borrowed + granted
            self.wait_s = max(0.0, 1 - self.remaining - level) / self.per_second

    def refill(self, seconds: float) -> None:
        """Refill at this process's part of the limit, while the bucket cannot be reached.

        Args:
            seconds: time since the last sync or refill.
        """
        if self.per_minute:
            rate = self.per_second / self.processes
            self.remaining = min(self.size, self.remaining + seconds * rate)
            self.wait_s = max(0.0, 1 - self.remaining) / rate


class Caller:
    """An API client with its permissions and leases.

    Args:
        subject: identifies its buckets: the API key id or the address.
        scopes: its permissions.
        requests: lease on the limit of requests.
        rows: lease on the limit of rows.
    """

    __slots__ = (
        "has_new_requests",
        "hosts",
        "idle_after_s",
        "is_idle",
        "is_sync_requested",
        "last_used_at",
        "requests",
        "rows",
        "scopes",
        "subject",
        "synced_at",
    )

    def __init__(self, subject: str, scopes: frozenset[str], requests: RateLimitLease, rows: RateLimitLease) -> None:
        self.subject = subject
        self.scopes = scopes
        self.requests = requests
        self.rows = rows
        self.idle_after_s = max(requests.idle_after_s, rows.idle_after_s)
        self.hosts: list[str] = []
        """Raw addresses of a caller without an API key."""
        self.synced_at = time.monotonic()
        """Time of the last sync or refill, in monotonic seconds."""
        self.last_used_at = -math.inf
        """Time of the last sweep that found new requests, in monotonic seconds."""
        self.has_new_requests = False
        """Whether it sent requests since the last sweep."""
        self.is_sync_requested = False
        """Whether an immediate sync is pending."""
        self.is_idle = True
        """Whether it holds no granted tokens, only borrowed ones."""

    @property
    def has_key(self) -> bool:
        """Whether it is identified by an API key."""
        return self.subject.startswith(KEY_SUBJECT_PREFIX)

    def wait_s(self, now: float) -> float:
        """Seconds until a token is available, as known at the last sync."""
        return max(0.0, self.synced_at + max(self.requests.wait_s, self.rows.wait_s) - now)

    def count_rows(self, rows: int) -> None:
        """Count the rows of a response."""
        self.rows.remaining -= rows
