"""What a pass tells when it is over, and what it would do before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Failure", "PlannedSync", "Stop", "StopReason", "SyncReport"]

StopReason = Literal["call_budget", "day_limit", "unreachable", "refused", "blocked", "lake"]


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that could not be read; the rest of the pass was done.

    Args:
        item: what, e.g. `player 7`.
        message: why, and what to do, in one line.
    """

    item: str
    message: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a pass ended before its work was done. What it fetched is kept.

    Args:
        reason: `call_budget` and `day_limit` are an end in good order; the others are errors: nothing answers
            (`unreachable`), the key or address is wrong or everything is refused (`refused`), several things in a row
            are refused while others are answered (`blocked`), the lake cannot be written (`lake`).
        message: one line with the next step.
    """

    reason: StopReason
    message: str

    @property
    def is_error(self) -> bool:
        """Whether somebody has to do something about it."""
        return self.reason not in ("call_budget", "day_limit")

    @property
    def is_of_source(self) -> bool:
        """Whether the other passes of the run would end in the same way."""
        return self.is_error and self.reason != "blocked"


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a pass did.

    Args:
        name: name of the pass.
        requests: requests made, repeated ones included.
        pages: answers landed.
        records: rows that the landed answers hold.
        rejected: records of the landed answers that cannot become rows.
        done: things read to their end.
        skipped: things that were not due, or were done before the pass was resumed.
        failures: things that could not be read.
        stop: why the pass ended early; None when it did not.
        notices: what somebody should know although nothing failed, one line each.
    """

    name: str
    requests: int = 0
    pages: int = 0
    records: int = 0
    rejected: int = 0
    done: int = 0
    skipped: int = 0
    failures: tuple[Failure, ...] = ()
    stop: Stop | None = None
    notices: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether nothing failed and nobody has to do anything."""
        return not self.failures and not (self.stop and self.stop.is_error)

    def as_json(self) -> dict[str, Any]:
        """JSON-ready, as `ops.passes.report` holds it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PlannedSync:
    """What a pass would do now.

    Args:
        name: name of the pass.
        requests: least number of requests by endpoint. A player with new matches costs more, which nobody knows before.
        skipped: things that are not due.
        failures: things that cannot be requested.
        due: how many things are due to be read again, by reason; a run reads as many as its budget allows.
    """

    name: str
    requests: Mapping[str, int] = field(default_factory=dict)
    skipped: int = 0
    failures: tuple[Failure, ...] = ()
    due: Mapping[str, int] = field(default_factory=dict)
