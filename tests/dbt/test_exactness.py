"""What incremental builds keep equals a rebuild, whatever happened and however often builds were killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.dbt.compiled import Builds, Interruption
from tests.dbt.events import Course, Event, any_events, match_events
from tests.dbt.project import Project


@pytest.fixture(scope="module")
def builds(project: Project) -> Builds:
    return Builds(project)


class Warehouse(RuleBasedStateMachine):
    """Events arrive in batches; builds follow them, in whole or in part."""

    def __init__(self, project: Project, builds: Builds) -> None:
        super().__init__()
        project.restore()
        self._course = Course(project)
        self._builds = builds

    @rule(events=match_events)
    def matches_change(self, events: list[Event]) -> None:
        self._course.happen(events)

    @rule(events=any_events)
    def anything_changes(self, events: list[Event]) -> None:
        self._course.happen(events)

    @rule()
    def build(self) -> None:
        self._builds.build()

    @rule(data=st.data(), statements=st.integers(0, 5))
    def build_until_killed(self, data: st.DataObject, statements: int) -> None:
        models = data.draw(st.lists(st.sampled_from(self._builds.models), unique=True, min_size=1, max_size=3))
        self._builds.build(Interruption(models, statements))

    @rule(data=st.data())
    def build_anew(self, data: st.DataObject) -> None:
        self._builds.build_anew(data.draw(st.sampled_from(self._builds.refreshable)))

    def teardown(self) -> None:
        self._builds.build()
        assert self._builds.differences() == {}
        before = self._builds.written()
        self._builds.build()
        assert self._builds.written() == before
        assert self._builds.unread() == []


def _run(project: Project, builds: Builds, examples: int) -> None:
    run_state_machine_as_test(
        lambda: Warehouse(project, builds),
        settings=settings(
            max_examples=examples,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.mark.slow
def test_any_course_of_events_and_kills_ends_like_a_rebuild(project: Project, builds: Builds) -> None:
    _run(project, builds, 25)
