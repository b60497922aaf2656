"""What incremental builds keep equals a rebuild, whatever happened and however often builds were killed."""

from __future__ import annotations

from typing import ClassVar

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
    """Events arrive in batches; builds follow them, whole, killed, or of one model anew."""

    project: ClassVar[Project]
    builds: ClassVar[Builds]

    def __init__(self) -> None:
        super().__init__()
        self.project.restore()
        self._course = Course(self.project)

    @rule(events=match_events)
    def matches_change(self, events: list[Event]) -> None:
        self._course.happen(events)

    @rule(events=any_events)
    def anything_changes(self, events: list[Event]) -> None:
        self._course.happen(events)

    @rule(
        kind=st.sampled_from(("whole", "whole", "killed", "killed", "killed", "one anew")),
        models=st.runner().flatmap(
            lambda self: st.lists(st.sampled_from(self.builds.models), unique=True, min_size=1, max_size=3)
        ),
        anew=st.runner().flatmap(lambda self: st.sampled_from(self.builds.with_feed)),
        statements=st.integers(0, 5),
        is_published=st.booleans(),
    )
    def build(self, kind: str, models: list[str], anew: str, statements: int, is_published: bool) -> None:
        match kind:
            case "whole":
                self.builds.build()
                assert self.builds.differences() == {}
                if is_published:
                    self.builds.publish()
            case "killed":
                self.builds.build(Interruption(models, statements))
            case "one anew":
                self.builds.build_anew(anew)

    def teardown(self) -> None:
        self.builds.build()
        assert self.builds.differences() == {}
        before = self.builds.written()
        self.builds.build()
        assert self.builds.written() == before


def _run(project: Project, builds: Builds, examples: int) -> None:
    run_state_machine_as_test(
        type("Warehouse", (Warehouse,), {"project": project, "builds": builds}),
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
    _run(project, builds, 10)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_five_hundred_courses_of_events_and_kills_end_like_a_rebuild(project: Project, builds: Builds) -> None:
    _run(project, builds, 500)
