"""All faults of the simulated upstreams, at probabilities with which a pipeline still succeeds."""

from __future__ import annotations

import pytest

from sandbox.faults import Faults

__all__ = ["KINDS", "SCENARIOS", "every_fault"]

#: Seeds of faults and worlds, with the numbers of days before each sync, build and comparison.
SCENARIOS = [pytest.param(3, (0, 9), id="3"), pytest.param(11, (0, 1, 9), id="11", marks=pytest.mark.long)]

#: Faults of each upstream that must have occurred in a test; malformed records are counted separately.
KINDS = {"too_many", "server_error", "hang", "truncate", "cut", "duplicate_page", "slow"}


def every_fault(seed: int) -> Faults:
    """The faults of a test, drawn with its seed."""
    return Faults(
        seed=seed,
        too_many=0.1,
        server_error=0.05,
        hang=0.1,
        truncate=0.1,
        cut=0.1,
        duplicate_page=0.2,
        slow=0.1,
        malformed=0.03,
        hang_s=1.0,
        slow_s=0.1,
    )
