"""Jobs and when they run."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dagster import (
    AssetSelection,
    Config,
    DagsterRunStatus,
    DefaultScheduleStatus,
    InitLoggerContext,
    JobDefinition,
    OpExecutionContext,
    RunsFilter,
    ScheduleDefinition,
    define_asset_job,
    in_process_executor,
    job,
    logger,
    op,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from orchestration.assets.freshness import freshness_keys
from orchestration.assets.marts import CACHE_KEY
from orchestration.assets.opendota import keys_of
from orchestration.dbt_graph import Graph

__all__ = ["QUIET", "Work", "build_jobs", "events_only", "housekeeping"]

#: Run config of every job: events go to Dagster's storage, and no second time to standard error.
QUIET: dict[str, Any] = {"loggers": {"events_only": {"config": {}}}}

_FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_PURGED_AT_ONCE = 200


def _fetch_job(name: str, description: str, *passes: str) -> UnresolvedAssetJobDefinition:
    return define_asset_job(
        name,
        selection=AssetSelection.assets(*keys_of(*passes)),
        description=description,
        config=QUIET,
        executor_def=in_process_executor,
    )


_RUN = define_asset_job(
    "run",
    selection=AssetSelection.all(),
    description="Everything: fetch what is due, load it, build, test, publish. What `ladder run` does.",
    config=QUIET,
    executor_def=in_process_executor,
)
_PROFILES = _fetch_job("profiles", "Profiles and ranks of tracked players.", "players")
_MATCHES = _fetch_job(
    "player_matches",
    "Matches of tracked players, and details of the newest.",
    *("player_matches", "player_ratings", "player_heroes", "matches"),
)
_SCENE = _fetch_job(
    "scene",
    "Professional and public matches, matches of tracked teams and leagues.",
    *("pro_matches", "public_matches", "team_matches", "league_matches"),
)
_CONSTANTS = _fetch_job(
    "constants", "Constants, hero statistics, teams and leagues.", "constants", "hero_stats", "teams", "leagues"
)


class Retention(Config):
    """How long finished runs are kept.

    Args:
        days: age from which a run and its events go.
    """

    days: int = 14


@logger
def events_only(_: InitLoggerContext) -> logging.Logger:
    """A logger that stays silent: a terminal shows what `orchestration.progress` tells instead."""
    silent = logging.getLogger("ladder.runs")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    return silent


@op
def purge_old_runs(context: OpExecutionContext, config: Retention) -> None:
    """Delete runs and their events: Dagster bounds ticks by itself, but not these."""
    before = datetime.now(UTC) - timedelta(days=config.days)
    ended = RunsFilter(statuses=_FINISHED, created_before=before)
    while runs := context.instance.get_runs(filters=ended, limit=_PURGED_AT_ONCE):
        for run in runs:
            context.instance.delete_run(run.run_id)
        context.log.info(f"deleted {len(runs)} runs that ended before {before:%Y-%m-%d}")


@job(
    config=QUIET,
    executor_def=in_process_executor,
    logger_defs={"events_only": events_only},
    description="Delete old runs and their events.",
)
def housekeeping() -> None:
    """Delete old runs and their events."""
    purge_old_runs()


@dataclass(frozen=True)
class Work:
    """Jobs, and the schedules on which they run."""

    jobs: Sequence[UnresolvedAssetJobDefinition | JobDefinition]
    schedules: Sequence[ScheduleDefinition]


def build_jobs(graph: Graph) -> Work:
    """Jobs over the models of a graph; times are as the sources ask for, minutes are spread."""
    # Freshness is looked at even when nothing is fetched: that is when it matters.
    freshness = AssetSelection.checks(*freshness_keys(graph))
    transform = define_asset_job(
        "transform",
        selection=AssetSelection.assets(CACHE_KEY).required_multi_asset_neighbors() | freshness,
        description="Build, test and publish what is loaded; nothing new builds nothing.",
        config=QUIET,
        executor_def=in_process_executor,
    )
    cron: dict[str, tuple[UnresolvedAssetJobDefinition | JobDefinition, str]] = {
        "profiles_every_30_minutes": (_PROFILES, "0,30 * * * *"),
        "player_matches_every_30_minutes": (_MATCHES, "5,35 * * * *"),
        "scene_hourly": (_SCENE, "20 * * * *"),
        "transform_hourly": (transform, "50 * * * *"),
        "constants_daily": (_CONSTANTS, "10 3 * * *"),
        "housekeeping_daily": (housekeeping, "40 3 * * *"),
    }
    return Work(
        jobs=[_RUN, *(scheduled for scheduled, _ in cron.values())],
        schedules=[
            ScheduleDefinition(
                job=scheduled, cron_schedule=times, name=name, default_status=DefaultScheduleStatus.RUNNING
            )
            for name, (scheduled, times) in cron.items()
        ],
    )
