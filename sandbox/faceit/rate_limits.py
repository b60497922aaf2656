"""FACEIT's rate limit: requests per second over all clients and connections."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

#: A key that the simulated FACEIT accepts unless it is given others.
KEY = "5b1c2f5e-sandbox-9d3a"


@dataclass(frozen=True)
class FaceitLimits:
    """The rate limit of the upstream; practically unlimited by default. `second_s` is the length of a second."""

    per_second: int = 1_000_000
    keys: frozenset[str] = frozenset({KEY})
    second_s: float = 1.0

    @classmethod
    def as_recorded(cls) -> FaceitLimits:
        """The public service's limit."""
        return cls(per_second=10)


@dataclass
class PerSecondBudget:
    """Requests counted in the current second."""

    limits: FaceitLimits
    _from: float = field(default_factory=time.monotonic)
    _spent: int = 0

    def spend(self) -> tuple[dict[str, str], bool]:
        """Count one request: headers in the recorded form, and whether the limit is exceeded."""
        now = time.monotonic()
        if now - self._from >= self.limits.second_s:
            self._from, self._spent = now, 0
        self._spent += 1
        left = self.limits.per_second - self._spent
        headers = {
            "ratelimit-limit": f"{self.limits.per_second}, {self.limits.per_second};w=1",
            "ratelimit-remaining": str(max(0, left)),
            "ratelimit-reset": str(math.ceil(self._from + self.limits.second_s - now)),
        }
        return headers, left < 0
