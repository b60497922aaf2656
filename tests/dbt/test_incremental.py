"""An incremental build of the facts equals a full rebuild after any change of the staging tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.dbt.events import Event, EventSequence, any_events
from tests.dbt.project import Project, match_details, match_row
from tests.dbt.replayed_builds import Interruption, ReplayedBuilds

FACT = "fct_player_matches"
Step = tuple[list[Event], str | None]


class Replayed:
    """Builds blue and rebuilds it in `scratch` by replaying recorded SQL."""

    def __init__(self, project: Project, builds: ReplayedBuilds) -> None:
        self._builds = builds

    def __call__(self) -> None:
        """Build incrementally, and compare with a rebuild."""
        self._builds.build()
        assert self._builds.differences() == {}

    def build(self) -> None:
        """Build blue."""
        self._builds.build()


class ByDbt:
    """dbt builds blue incrementally and green with a full refresh: the same checks, far slower."""

    def __init__(self, project: Project, builds: ReplayedBuilds) -> None:
        self._project = project

    def __call__(self) -> None:
        """Build incrementally, and compare with a rebuild."""
        build_both_ways(self._project)

    def build(self) -> None:
        """Build blue."""
        self._project.build(FACT)


BothWays = Replayed | ByDbt


@pytest.fixture(scope="module", params=[Replayed, pytest.param(ByDbt, marks=pytest.mark.long)])
def both_ways(request: pytest.FixtureRequest, project: Project, builds: ReplayedBuilds) -> BothWays:
    """Builds on the initial data."""
    project.restore()
    ways: BothWays = request.param(project, builds)
    return ways


def build_both_ways(project: Project) -> None:
    """Build blue incrementally and green with a full refresh, and compare them."""
    project.build(FACT, colour="blue")
    project.build(FACT, colour="green", full_refresh=True)
    differences = project.rows(
        f"(TABLE marts_blue.{FACT} EXCEPT TABLE marts_green.{FACT}) UNION ALL "
        f"(TABLE marts_green.{FACT} EXCEPT TABLE marts_blue.{FACT})"
    )
    assert differences == []


def slots(project: Project, match_id: int) -> list[tuple[Any, ...]]:
    """Slot, player, result, character and significance of each row of a match."""
    return project.rows(
        f"SELECT player_slot, player_id, is_win, character_id, is_significant FROM marts_blue.{FACT} "
        "WHERE match_id = %s ORDER BY player_slot",
        str(match_id),
    )


def test_late_rows_are_added(project: Project, both_ways: BothWays) -> None:
    project.load(project.history(7, match_row(1001)))
    both_ways()
    project.load(project.history(7, match_row(1000)))
    both_ways()
    assert slots(project, 1000) == slots(project, 1001) == [(0, "7", True, "1", True)]


def test_a_late_result_changes_its_row(project: Project, both_ways: BothWays) -> None:
    project.load(project.history(7, match_row(1010, radiant_win=None)))
    both_ways()
    assert slots(project, 1010) == [(0, "7", None, "1", False)]
    project.load(project.history(7, match_row(1010, radiant_win=False)))
    both_ways()
    assert slots(project, 1010) == [(0, "7", False, "1", True)]


def test_a_corrected_slot_leaves_no_row_at_the_old_one(project: Project, both_ways: BothWays) -> None:
    project.load(project.history(7, match_row(1020, 0)))
    both_ways()
    project.load(project.history(7, match_row(1020, 131)))
    both_ways()
    assert slots(project, 1020) == [(131, "7", False, "1", True)]


def test_details_join_the_slots_that_histories_know(project: Project, both_ways: BothWays) -> None:
    project.load(project.history(7, match_row(1030, 1, average_rank=44)))
    both_ways()
    project.load(project.details(match_details(1030, {0: 9, 1: None, 128: 4294967295})))
    both_ways()
    assert slots(project, 1030) == [
        (0, "9", True, "2", True),
        (1, "7", True, "1", True),
        (128, None, False, "30", True),
    ]
    brackets = project.rows(f"SELECT DISTINCT rank_bracket FROM marts_blue.{FACT} WHERE match_id = '1030'")
    assert brackets == [("archon",)]


def test_a_tombstone_removes_its_row_and_keeps_the_details(project: Project, both_ways: BothWays) -> None:
    project.load(project.history(7, match_row(1040)), project.history(8, match_row(1041, 128)))
    project.load(project.details(match_details(1041, {128: None, 129: 9})))
    both_ways()
    project.load(
        project.deletion("player_matches", "player_matches", {"account_id": 7, "match_id": 1040}),
        project.deletion("player_matches", "player_matches", {"account_id": 8, "match_id": 1041}),
    )
    both_ways()
    assert slots(project, 1040) == []
    assert slots(project, 1041) == [(128, None, False, "30", True), (129, "9", False, "31", True)]


def test_a_slot_passes_to_the_remaining_player_of_two_histories(project: Project, both_ways: BothWays) -> None:
    project.load(project.history(7, match_row(1050)), project.history(8, match_row(1050)))
    both_ways()
    assert [row[1] for row in slots(project, 1050)] == ["7"]
    project.load(project.deletion("player_matches", "player_matches", {"account_id": 7, "match_id": 1050}))
    both_ways()
    assert [row[1] for row in slots(project, 1050)] == ["8"]


def test_changed_constants_recompute_every_row(project: Project, both_ways: BothWays) -> None:
    project.load(project.history(7, match_row(1060, game_mode=23), match_row(1061, game_mode=23)))
    both_ways()
    assert slots(project, 1060) == [(0, "7", True, "1", False)]
    project.load(project.page("constants", {"23": {"id": 23, "balanced": True}}, resource="game_mode"))
    both_ways()
    assert slots(project, 1060) == slots(project, 1061) == [(0, "7", True, "1", True)]


def test_a_new_patch_moves_the_matches_it_covers(project: Project, both_ways: BothWays) -> None:
    project.load(project.history(7, match_row(1079, start_time=1767225599), match_row(1080, start_time=1767225600)))
    both_ways()
    project.load(
        project.page("constants", [{"id": 60, "name": "7.41", "date": "2026-01-01T00:00:00Z"}], resource="patch")
    )
    both_ways()
    patches = project.rows(
        f"SELECT match_id, patch_id FROM marts_blue.{FACT} WHERE match_id IN ('1079', '1080') ORDER BY match_id"
    )
    assert patches == [("1079", "59"), ("1080", "60")]


def test_a_build_with_nothing_new_writes_nothing(project: Project, both_ways: BothWays) -> None:
    both_ways()
    before = _writes(project)
    both_ways.build()
    assert _writes(project) == before


def test_the_same_rows_seen_again_write_nothing(project: Project, both_ways: BothWays) -> None:
    project.load(project.history(7, match_row(1090)))
    both_ways()
    before = _writes(project)
    project.load(project.history(7, match_row(1090)))
    project.load(
        project.page("constants", [{"id": 59, "name": "7.40", "date": "2025-12-16T00:00:00Z"}], resource="patch")
    )
    both_ways()
    assert _writes(project) == before


def test_a_change_writes_no_row_beside_its_own(project: Project, both_ways: BothWays) -> None:
    project.load(project.details(match_details(1100, dict.fromkeys((0, 1, 2, 3, 4, 128, 129, 130, 131, 132)))))
    both_ways()
    before = dict(_row_locations(project))
    project.load(project.history(7, match_row(1100, 2, average_rank=None)))
    both_ways()
    after = dict(_row_locations(project))
    assert [key for key in after if before.get(key) != after[key]] == [("1100", 2)]


def test_the_batches_of_a_failed_build_are_read_by_the_next_build(project: Project) -> None:
    project.restore()
    project.load(project.history(7, match_row(1110)))
    project.execute(f"ALTER TABLE marts_blue.{FACT} ADD CONSTRAINT broken CHECK (match_id <> '1110')")
    statuses = project.dbt(["run", "--select", FACT])
    assert statuses == {FACT: "error"}
    project.execute(f"ALTER TABLE marts_blue.{FACT} DROP CONSTRAINT broken")
    build_both_ways(project)
    assert slots(project, 1110) == [(0, "7", True, "1", True)]


def test_readers_recompute_after_a_full_refresh_of_their_fact(project: Project, builds: ReplayedBuilds) -> None:
    project.restore()
    builds.full_refresh(FACT)
    builds.build(Interruption(["player_form"], 0))
    project.load(project.history(7, match_row(1120)))
    builds.build()
    assert builds.differences() == {}


@pytest.mark.long
def test_readers_recompute_after_dbt_fully_refreshed_their_fact(project: Project) -> None:
    project.restore()
    project.build(FACT, full_refresh=True)
    project.build("totals", "head_to_head", "teammates")
    project.load(project.history(7, match_row(1120)))
    project.build()
    project.build(colour="green", full_refresh=True)
    assert_colours_equal(project)


def test_reference_data_is_fingerprinted_and_seeds_are_not(project: Project) -> None:
    # A change of a seed changes the digest of the project, which causes a full build.
    project.restore()
    digests = "SELECT DISTINCT model, length(fingerprint) / length(md5('')) FROM ops.model_references ORDER BY model"
    assert project.rows(digests) == [("fct_drafts", 3), (FACT, 3)]


#: A batch of events, and what is then built: everything (None), or one model with its ancestors.
_steps = st.tuples(
    any_events, st.sampled_from((None, FACT, "fct_drafts", "int_player_totals", "head_to_head", "dim_players"))
)


def _dbt_builds(examples: int) -> settings:
    """Few examples and no shrinking, since each build takes seconds."""
    return settings(max_examples=examples, deadline=None, database=None, phases=[Phase.generate])


@pytest.mark.long
@pytest.mark.timeout(3600)
@given(st.lists(_steps, min_size=3, max_size=5))
@_dbt_builds(20)
def test_twenty_random_event_sequences_equal_a_rebuild(project: Project, steps: list[Step]) -> None:
    run_sequence(project, steps)


def run_sequence(project: Project, steps: list[Step]) -> None:
    """Apply each batch of events and build; at the end build blue incrementally and green with a full refresh."""
    project.restore()
    sequence = EventSequence(project)
    for events, model in steps:
        sequence.apply(events)
        # A model may lag behind its facts by any number of their builds.
        project.build(*([f"+{model},config.materialized:incremental"] if model else []), colour="blue")
    project.build(colour="blue")
    project.build(colour="green", full_refresh=True)
    assert_colours_equal(project)


def assert_colours_equal(project: Project) -> None:
    """Check that every mart and every table of totals has the same rows in both colours."""
    tables = project.rows(
        "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname = 'marts_blue' "
        "OR (schemaname = 'prep' AND tablename LIKE '%_blue' AND tablename NOT LIKE '%__feed_blue') ORDER BY 1"
    )
    assert len(tables) >= 29
    for (blue,) in tables:
        green = blue.replace("_blue", "_green")
        assert project.rows(f"TABLE {blue} EXCEPT ALL TABLE {green}") == [], blue
        assert project.rows(f"TABLE {green} EXCEPT ALL TABLE {blue}") == [], blue


def _row_locations(project: Project) -> list[tuple[Any, Any]]:
    """Physical location and writing transaction of each row."""
    return [
        ((match_id, slot), (place, writer))
        for match_id, slot, place, writer in project.rows(
            f"SELECT match_id, player_slot, ctid::text, xmin::text FROM marts_blue.{FACT} ORDER BY 1, 2"
        )
    ]


def _writes(project: Project) -> tuple[Any, ...]:
    counts = project.rows(
        "SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables "
        f"WHERE schemaname = 'marts_blue' AND relname = '{FACT}'"
    )
    return counts, _row_locations(project)
