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
from orchestration.assets.marts import CACHE_KEY, keys_of_tests, model_key
from orchestration.assets.staging import StagingAssets, SyncJob, staging_assets
from orchestration.dbt.graph import Graph

__all__ = ["NO_CONSOLE_EVENTS", "JobsAndSchedules", "build_jobs", "events_only", "housekeeping"]

#: Run config of every job: events go to Dagster's storage, and no second time to standard error.
NO_CONSOLE_EVENTS: dict[str, Any] = {"loggers": {"events_only": {"config": {}}}}

_FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_PURGED_AT_ONCE = 200


def _fetch_job(staging: StagingAssets, job: SyncJob) -> UnresolvedAssetJobDefinition:
    return define_asset_job(
        job.name,
        selection=AssetSelection.assets(*staging.keys_of(*job.streams)),
        description=job.description,
        config=NO_CONSOLE_EVENTS,
        executor_def=in_process_executor,
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
    config=NO_CONSOLE_EVENTS,
    executor_def=in_process_executor,
    logger_defs={"events_only": events_only},
    description="Delete old runs and their events.",
)
def housekeeping() -> None:
    """Delete old runs and their events."""
    purge_old_runs()


@dataclass(frozen=True)
class JobsAndSchedules:
    """Jobs, and the schedules on which they run."""

    jobs: Sequence[UnresolvedAssetJobDefinition | JobDefinition]
    schedules: Sequence[ScheduleDefinition]


def build_jobs(graph: Graph, sources: Sequence[StagingAssets]) -> JobsAndSchedules:
    """Jobs over the models of a graph and over sources; times are as the sources ask for, minutes are spread."""
    excluded = [key for one in staging_assets().values() if one not in sources for key in one.keys_of(*one.streams)]
    # Tests report what was evaluated, by themselves: one that a job plans and a run need not evaluate looks skipped.
    tests = AssetSelection.checks(*keys_of_tests(graph))
    run = define_asset_job(
        "run",
        selection=AssetSelection.all() - AssetSelection.assets(*excluded) - tests,
        description="Everything: fetch what is due, load it, build, test, publish. What `ladder run` does.",
        config=NO_CONSOLE_EVENTS,
        executor_def=in_process_executor,
    )
    # Freshness is looked at even when nothing is fetched: that is when it matters.
    freshness = AssetSelection.checks(*freshness_keys(graph))
    transform = define_asset_job(
        "transform",
        selection=(AssetSelection.assets(CACHE_KEY, *map(model_key, graph.models)) - tests) | freshness,
        description="Build, test and publish what is loaded; nothing new builds nothing.",
        config=NO_CONSOLE_EVENTS,
        executor_def=in_process_executor,
    )
    cron: dict[str, tuple[UnresolvedAssetJobDefinition | JobDefinition, str]] = {
        **{job.schedule: (_fetch_job(one, job), job.cron) for one in sources for job in one.jobs},
        "transform_hourly": (transform, "50 * * * *"),
        "housekeeping_daily": (housekeeping, "40 3 * * *"),
    }
    return JobsAndSchedules(
        jobs=[run, *(scheduled for scheduled, _ in cron.values())],
        schedules=[
            ScheduleDefinition(
                job=scheduled, cron_schedule=times, name=name, default_status=DefaultScheduleStatus.RUNNING
            )
            for name, (scheduled, times) in cron.items()
        ],
    )
