"""The schedule of re-reads: waits grow and end, and the runbook shows the current table."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.sync.rereads import OLD_MATCH_AGE, SCHEDULE, Reason, next_due_at, reread_budget, reread_cursor
from warehouse.ops.state import Reread

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
AT = datetime(2026, 11, 1, tzinfo=UTC)
UNITS = {"min": "minutes", "h": "hours", "d": "days"}


def waits_of(cell: str) -> tuple[timedelta, ...]:
    parts = [part.strip() for part in cell.split(",")]
    return tuple(
        timedelta(0) if part == "now" else timedelta(**{UNITS[part.split()[1]]: int(part.split()[0])}) for part in parts
    )


def test_the_runbook_shows_the_current_schedule() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|([^|]*)\|$", RUNBOOK.read_text(), re.MULTILINE)
    shown = {
        reason: (waits_of(recent), waits_of(recent if old.strip() == "the same" else old))
        for reason, recent, old in rows
    }
    assert shown == {reason: (waits.recent, waits.old) for reason, waits in SCHEDULE.items()}


@pytest.mark.parametrize("reason", list(SCHEDULE))
@pytest.mark.parametrize("age", [OLD_MATCH_AGE / 2, OLD_MATCH_AGE * 2])
def test_the_next_run_tries_again_then_waits_grow_and_end(reason: Reason, age: timedelta) -> None:
    waits = []
    while (due := next_due_at(reason, len(waits) + 1, at=AT, first_at=AT, played_at=AT - age)) is not None:
        waits.append(due - AT)
    assert waits[0] == timedelta(0)
    assert waits == sorted(waits)
    assert sum(waits, timedelta(0)) < timedelta(days=60)


def test_another_reason_restarts_the_schedule_and_a_settled_entity_is_never_due() -> None:
    before = Reread("absent", 4, AT - timedelta(days=9), AT - timedelta(days=1))
    cursor_moves = {
        reason: reread_cursor("match", "7", reason, before, at=AT, played_at=None)
        for reason in ("absent", "unparsed", None)
    }
    values = {reason: cursor_move.value for reason, cursor_move in cursor_moves.items() if cursor_move is not None}
    assert {reason: value["tries"] for reason, value in values.items()} == {"absent": 5, "unparsed": 1, None: 1}
    assert values["absent"]["first_at"] == before.first_at.isoformat()
    assert values["unparsed"]["due_at"] == AT.isoformat()
    assert values[None]["due_at"] is None
    assert reread_cursor("match", "7", None, None, at=AT, played_at=None) is None


def test_the_share_of_a_budget_is_at_least_one_match_and_none_of_an_empty_budget() -> None:
    assert [reread_budget(budget) for budget in (0, 1, 7, 100)] == [0, 1, 2, 20]
