"""A pass spends what it is given of a run's call budget, and no more."""

from __future__ import annotations

import pytest

from ingestion.errors import CallBudgetSpent
from ingestion.http.rate_limits import CallBudget


def test_what_a_pass_spends_is_spent_from_the_run() -> None:
    parent = CallBudget(10)
    sub_budget = parent.sub_budget(0.25)
    assert sub_budget.limit == 3
    for _ in range(3):
        sub_budget.spend()
    with pytest.raises(CallBudgetSpent, match="share of the call budget of 3 requests"):
        sub_budget.spend()
    assert (parent.spent, parent.left, sub_budget.left) == (3, 7, 0)


def test_a_part_cannot_outspend_the_whole() -> None:
    parent = CallBudget(1)
    first, second = parent.sub_budget(1), parent.sub_budget(1)
    first.spend()
    with pytest.raises(CallBudgetSpent, match="the run's call budget of 1 requests"):
        second.spend()
    assert second.spent == 0
