"""Reports: what a sync did, and what it would do now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Failure", "PlannedSync", "Stop", "StopReason", "SyncReport"]

StopReason = Literal["call_budget", "day_limit", "unreachable", "refused", "blocked", "lake"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A work item that could not be read; the sync continued.

    Args:
        item: name of the work item, e.g. `player 7`.
        message: cause and next step, in one line.
    """

    item: str
    message: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a sync stopped before all work items were done. Pages that were fetched are kept.

    Args:
        reason: `call_budget` and `day_limit` are normal ends. The others are errors: no server responds
            (`unreachable`), the key or address is wrong or every request is refused (`refused`), several work items in
            a row are refused while other paths are accepted (`blocked`), the lake cannot be written (`lake`).
        message: one line with the next step.
    """

    reason: StopReason
    message: str

    @property
    def is_error(self) -> bool:
        """Whether an operator has to act."""
        return self.reason not in ("call_budget", "day_limit")

    @property
    def is_of_source(self) -> bool:
        """Whether the other streams of the run would stop in the same way."""
        return self.is_error and self.reason != "blocked"


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did.

    Args:
        name: name of the stream.
        requests: requests made, retries included.
        pages: pages landed.
        records: rows of the landed pages.
        rejected: records of the landed pages that cannot become rows.
        done: work items that were read completely.
        skipped: work items that were not due, or were done before the sync was resumed.
        failures: work items that could not be read.
        stop: why the sync stopped early; None if it did not.
        notices: lines that a user should know although nothing failed.
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
        """Whether nothing failed and no operator has to act."""
        return not self.failures and not (self.stop and self.stop.is_error)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON-ready values, as stored in `ops.passes.report`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PlannedSync:
    """What a sync would do now.

    Args:
        name: name of the stream.
        requests: minimum number of requests by endpoint; a player with many new matches needs more.
        skipped: work items that are not due.
        failures: entities that cannot be requested.
        due: how many items are due to be read again, by reason; a run reads as many as its budget allows.
    """

    name: str
    requests: Mapping[str, int] = field(default_factory=dict)
    skipped: int = 0
    failures: tuple[Failure, ...] = ()
    due: Mapping[str, int] = field(default_factory=dict)
