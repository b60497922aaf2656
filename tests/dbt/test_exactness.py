"""Incremental builds equal a full rebuild after any sequence of events, also after killed builds."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.dbt.events import (
    START_TIMES,
    Event,
    EventSequence,
    Redelivery,
    Response,
    any_events,
    match_events,
    operator_events,
    team_events,
)
from tests.dbt.faceit_events import faceit_any_events, faceit_match_events, faceit_operator_events, faceit_player_events
from tests.dbt.project import Project, match_row
from tests.dbt.replayed_builds import Interruption, ReplayedBuilds


class Warehouse(RuleBasedStateMachine):
    """Events arrive in batches and are followed by builds: complete, killed, or a full refresh of one model."""

    project: ClassVar[Project]
    builds: ClassVar[ReplayedBuilds]

    def __init__(self) -> None:
        super().__init__()
        self.project.restore()
        self._sequence = EventSequence(self.project)

    @rule(events=match_events)
    def matches_change(self, events: list[Event]) -> None:
        self._sequence.apply(events)

    @rule(events=team_events)
    def teams_change(self, events: list[Event]) -> None:
        self._sequence.apply(events)

    @rule(events=any_events)
    def anything_changes(self, events: list[Event]) -> None:
        self._sequence.apply(events)

    @rule(events=faceit_match_events)
    def faceit_matches_change(self, events: list[Event]) -> None:
        self._sequence.apply(events)

    @rule(events=faceit_player_events)
    def faceit_players_change(self, events: list[Event]) -> None:
        self._sequence.apply(events)

    @rule(events=faceit_any_events)
    def anything_changes_at_faceit(self, events: list[Event]) -> None:
        self._sequence.apply(events)

    @rule(event=st.one_of(operator_events, faceit_operator_events))
    def operator_acts(self, event: Event) -> None:
        self._sequence.apply([event])

    @rule(is_published=st.booleans())
    def build(self, is_published: bool) -> None:
        self.builds.build()
        assert self.builds.differences() == {}
        if is_published:
            self.builds.publish()

    @rule(
        models=st.runner().flatmap(
            lambda self: st.lists(st.sampled_from(self.builds.models), unique=True, min_size=1, max_size=3)
        ),
        statements=st.integers(0, 12),
        # Rarely, since all readers of the fact are recomputed then.
        refreshed=st.runner().flatmap(lambda self: st.sampled_from([None] * 10 + self.builds.with_feed)),
    )
    def build_in_part(self, models: list[str], statements: int, refreshed: str | None) -> None:
        if refreshed:
            self.builds.full_refresh(refreshed)
        else:
            self.builds.build(Interruption(models, statements))

    def teardown(self) -> None:
        self.builds.build()
        assert self.builds.differences() == {}
        before = self.builds.row_versions()
        self.builds.build()
        assert self.builds.row_versions() == before


def _run(project: Project, builds: ReplayedBuilds, examples: int) -> None:
    run_state_machine_as_test(
        type("Warehouse", (Warehouse,), {"project": project, "builds": builds}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.mark.slow
def test_random_events_and_killed_builds_equal_a_rebuild(project: Project, builds: ReplayedBuilds) -> None:
    _run(project, builds, 6)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("half", [1, 2])
def test_five_hundred_random_event_sequences_with_kills_equal_a_rebuild(
    project: Project, builds: ReplayedBuilds, half: int
) -> None:
    """Split into two halves, which run in parallel."""
    _run(project, builds, 250)


def test_the_feed_of_a_fact_is_trimmed_to_unread_rows(project: Project, builds: ReplayedBuilds) -> None:
    project.restore()
    sequence = EventSequence(project)
    for match_id in (9, 10, 11):
        sequence.apply([Response("player_matches", [match_row(match_id)], {"account_id": 7})])
        builds.build()
    assert project.rows("SELECT DISTINCT match_id FROM prep.fct_player_matches__feed_blue") == [("11",)]


def test_of_two_contradicting_histories_the_same_one_always_wins(project: Project, builds: ReplayedBuilds) -> None:
    project.restore()
    sequence = EventSequence(project)
    match = {"match_id": 9, "radiant_win": True, "leagueid": 3}
    late, early = match | {"start_time": START_TIMES[1]}, match | {"start_time": START_TIMES[0]}
    sequence.apply([Response("team_matches", [late | {"radiant": True, "opposing_team_id": 20}], {"team_id": 10})])
    sequence.apply([Response("team_matches", [early | {"radiant": False, "opposing_team_id": 10}], {"team_id": 20})])
    builds.build()
    # Redelivery changes the physical order of the rows, on which the result must not depend.
    for number in (0, 1):
        sequence.apply([Redelivery(number, is_observed_later=True)])
        builds.build()
        assert builds.differences() == {}
