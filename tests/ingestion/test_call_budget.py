"""A stream spends no more than its share of a run's call budget."""

from __future__ import annotations

import pytest

from ingestion.errors import CallBudgetSpent
from ingestion.http.rate_limits import CallBudget


def test_requests_of_a_stream_count_against_the_run() -> None:
    parent = CallBudget(10)
    sub_budget = parent.sub_budget(0.25)
    assert sub_budget.limit == 3
    for _ in range(3):
        sub_budget.spend()
    with pytest.raises(CallBudgetSpent, match="share of the call budget of 3 requests"):
        sub_budget.spend()
    assert (parent.spent, parent.left, sub_budget.left) == (3, 7, 0)


def test_a_sub_budget_cannot_outspend_its_parent() -> None:
    parent = CallBudget(1)
    first, second = parent.sub_budget(1), parent.sub_budget(1)
    first.spend()
    with pytest.raises(CallBudgetSpent, match="the run's call budget of 1 requests"):
        second.spend()
    assert second.spent == 0
