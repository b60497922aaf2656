"""Arguments of dbt's build: what is built, what is tested, and with how many threads."""

from __future__ import annotations

import os

from orchestration.dbt.arguments import build_arguments

_EXCLUDED = [
    "--exclude",
    "config.materialized:view",
    "resource_type:seed",
    "tag:full_build",
    "--indirect-selection",
    "empty",
]


def test_an_incremental_build_excludes_views_and_seeds_and_runs_their_tests() -> None:
    assert build_arguments(is_scratch=False) == [
        *("build", "--exclude-resource-type", "unit_test", "exposure"),
        *_EXCLUDED,
        *("--threads", "4"),
    ]


def test_a_full_refresh_builds_everything() -> None:
    assert build_arguments(is_scratch=False, full_refresh=True) == [
        *("build", "--exclude-resource-type", "unit_test", "exposure", "--full-refresh"),
        *("--threads", "4"),
    ]


def test_a_scratch_build_builds_selected_tables_without_tests_and_leaves_a_core_to_readers() -> None:
    threads = str(max(1, min(4, (os.cpu_count() or 1) - 1)))
    assert build_arguments(is_scratch=True, select=["+team_form"], limit_cpu=True) == [
        "run",
        *_EXCLUDED,
        *("--select", "+team_form"),
        *("--threads", threads),
    ]
