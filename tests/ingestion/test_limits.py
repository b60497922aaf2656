"""A pass spends what it is given of a run's call budget, and no more."""

from __future__ import annotations

import pytest

from ingestion.errors import CallBudgetSpent
from ingestion.http.rate_limits import CallBudget


def test_what_a_pass_spends_is_spent_from_the_run() -> None:
    whole = CallBudget(10)
    part = whole.part(0.25)
    assert part.limit == 3
    for _ in range(3):
        part.spend()
    with pytest.raises(CallBudgetSpent, match="share of the call budget of 3 requests"):
        part.spend()
    assert (whole.spent, whole.left, part.left) == (3, 7, 0)


def test_a_part_cannot_outspend_the_whole() -> None:
    whole = CallBudget(1)
    first, second = whole.part(1), whole.part(1)
    first.spend()
    with pytest.raises(CallBudgetSpent, match="the run's call budget of 1 requests"):
        second.spend()
    assert second.spent == 0
