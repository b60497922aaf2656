"""Every fault that simulated upstreams know, at chances under which a pipeline still gets through."""

from __future__ import annotations

import pytest

from sandbox.faults import Faults

__all__ = ["COURSES", "KINDS", "every_fault"]

#: Seeds of faults and worlds, with the days that pass before each time that all is read, built and compared.
COURSES = [pytest.param(3, (0, 9), id="3"), pytest.param(11, (0, 1, 9), id="11", marks=pytest.mark.long)]

#: What each upstream has to have shown for a test to have met them all; malformed records are counted apart.
KINDS = {"too_many", "server_error", "hang", "truncate", "cut", "duplicate_page", "slow"}


def every_fault(seed: int) -> Faults:
    """The faults of a test, drawn by its seed."""
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
