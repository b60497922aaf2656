"""What each caller may still spend in this process: counted here, settled with the shared buckets elsewhere.

A limit is a bucket that all processes share. It holds what may be spent in ten seconds and fills at the rate of the
limit. A process has a lease of a part of it in hand and counts that down, which takes no look elsewhere. With a caller
whom it has not met it does not wait for a lease: it lends what a lease would be, and takes that out of the bucket
afterwards, even below nothing. Debts are paid before anything else is lent, so that the rate holds in the long run.

In any t seconds a caller gets no more than a bucket, twice a lease of each process, and what a bucket fills in t: a
process may hold a lease beside a full bucket at first, and have lent one on an empty bucket in the end. Leases are such
that the two make at most a second bucket (or two requests for each process, where a bucket holds less than that).
Each further server on the same Redis adds its own leases. An answer's rows are counted when it is sent, and so the
last answers may go over the limit by what they hold; that is a debt too.
"""

from __future__ import annotations

import math
import time

__all__ = ["WINDOW_S", "Caller", "RateLimitLease"]

WINDOW_S = 10
"""Seconds in which an empty bucket fills."""
KEY_SUBJECT_PREFIX = "key:"
"""How the subject of a key begins."""


class RateLimitLease:
    """What a process may spend of one limit for one caller.

    Args:
        per_minute: the limit; 0 for none.
        processes: workers of this server.
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
        """What the bucket holds when it is full."""
        self.size: float = max(1, self.capacity // (2 * processes)) if per_minute else math.inf
        """The most that this process has in hand."""
        self.low_water_mark: float = self.size / 2 if per_minute else -math.inf
        """Below this it is time to ask for more."""
        self.remaining: float = self.size
        """What may be spent; negative after an answer of more rows than were left."""
        self.debt: float = self.size if per_minute else 0
        """Lent without asking, and not yet taken out of the bucket."""
        self.wait_s = 0.0
        """Seconds until something could be spent again, when last settled."""

    @property
    def window_s(self) -> int:
        """Seconds in which the bucket fills."""
        return math.ceil(self.capacity / self.per_second)

    @property
    def idle_after_s(self) -> float:
        """Seconds without a request after which a process may lend anew: until then, what all have lent is paid."""
        return max(self.capacity, 2 * self.processes * self.size) / self.per_second if self.per_minute else 0.0

    def requested_amount(self, *, is_idle: bool) -> int:
        """What is asked of the bucket, so that a whole lease is in hand again; of who rests, nothing is kept."""
        return math.floor((0 if is_idle else self.size) - self.remaining) if self.per_minute else 0

    def apply_sync(self, debt: float, granted: float, level: float, *, is_idle: bool) -> None:
        """Take in what the bucket said.

        Args:
            owed: the debt that it took note of.
            granted: what it gave; negative for what it was given back.
            level: what was in it afterwards; negative when more was lent than it held.
            is_resting: whether the caller is from here on one whom this process has not met.
        """
        if self.per_minute:
            borrowed = self.size if is_idle else 0
            self.debt += borrowed - debt
            self.remaining += borrowed + granted
            self.wait_s = max(0.0, 1 - self.remaining - level) / self.per_second

    def refill(self, seconds: float) -> None:
        """Fill without the bucket, while it cannot be asked: this process's part of the limit, and no more.

        Args:
            seconds: since it was last settled or filled.
        """
        if self.per_minute:
            rate = self.per_second / self.processes
            self.remaining = min(self.size, self.remaining + seconds * rate)
            self.wait_s = max(0.0, 1 - self.remaining) / rate


class Caller:
    """Who asks, and what this process may still answer.

    Args:
        subject: the key or address, as the buckets know it.
        scopes: what may be read.
        requests: the limit of requests.
        rows: the limit of rows.
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
        """Addresses that led here, of a caller without a key."""
        self.synced_at = time.monotonic()
        """When its limits were last settled or filled."""
        self.last_used_at = -math.inf
        """When it was last found to have asked; looked at once a second."""
        self.has_new_requests = False
        """Has asked since then."""
        self.is_sync_requested = False
        """Waits to be settled at once."""
        self.is_idle = True
        """Has nothing of the buckets in hand but what was lent."""

    @property
    def has_key(self) -> bool:
        """Whether it showed a key, and is not only an address."""
        return self.subject.startswith(KEY_SUBJECT_PREFIX)

    def wait_s(self, now: float) -> float:
        """Seconds until something could be spent again, as far as was known when it was last settled."""
        return max(0.0, self.synced_at + max(self.requests.wait_s, self.rows.wait_s) - now)

    def count_rows(self, rows: int) -> None:
        """Count the rows of an answer that it got."""
        self.rows.remaining -= rows
