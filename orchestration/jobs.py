"""Dagster's jobs and their schedules."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dagster import (
    AssetSelection,
    Config,
    DagsterRun,
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

__all__ = [
    "NO_CONSOLE_EVENTS",
    "RUN_JOB",
    "JobsAndSchedules",
    "build_jobs",
    "events_only",
    "housekeeping",
    "is_sync_only",
]

#: The job of `ladder run`.
RUN_JOB = "run"
_TRANSFORM_JOB = "transform"

#: Run config of every job: Dagster writes events to its storage, and not to standard error as well.
NO_CONSOLE_EVENTS: dict[str, Any] = {"loggers": {"events_only": {"config": {}}}}

_FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_PURGE_BATCH = 200


class Retention(Config):
    """How long finished runs are kept.

    Args:
        days: age from which a run and its events are deleted.
    """

    days: int = 14


@logger
def events_only(_: InitLoggerContext) -> logging.Logger:
    """A logger without output: terminals show the events of `orchestration.progress` instead."""
    silent = logging.getLogger("ladder.runs")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    return silent


@op
def purge_old_runs(context: OpExecutionContext, config: Retention) -> None:
    """Delete old runs and their events. Dagster has a retention setting for ticks, but none for runs."""
    before = datetime.now(UTC) - timedelta(days=config.days)
    ended = RunsFilter(statuses=_FINISHED, created_before=before)
    while runs := context.instance.get_runs(filters=ended, limit=_PURGE_BATCH):
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
    """Jobs, and the schedules that start them."""

    jobs: Sequence[UnresolvedAssetJobDefinition | JobDefinition]
    schedules: Sequence[ScheduleDefinition]


def build_jobs(graph: Graph, sources: Sequence[StagingAssets]) -> JobsAndSchedules:
    """Jobs over the models of a graph and over sources. Cron times are spread, so that few jobs start together.

    Args:
        graph: the dbt project.
        sources: the sources that the jobs sync; assets of other sources are in no job.
    """
    excluded = [key for one in staging_assets().values() if one not in sources for key in one.keys_of(*one.streams)]
    # Checks of dbt tests are reported when they were evaluated. A check that a job plans and a run does not evaluate
    # would look skipped in the web UI.
    tests = AssetSelection.checks(*keys_of_tests(graph))
    run = define_asset_job(
        RUN_JOB,
        selection=AssetSelection.all() - AssetSelection.assets(*excluded) - tests,
        description="Everything: sync what is due, load it, build, test, publish. The job of `ladder run`.",
        config=NO_CONSOLE_EVENTS,
        executor_def=in_process_executor,
    )
    # Freshness is checked by this job too: it matters most when no sync runs.
    freshness = AssetSelection.checks(*freshness_keys(graph))
    transform = define_asset_job(
        _TRANSFORM_JOB,
        selection=(AssetSelection.assets(CACHE_KEY, *map(model_key, graph.models)) - tests) | freshness,
        description="Build, test and publish what is loaded; without new data nothing is built.",
        config=NO_CONSOLE_EVENTS,
        executor_def=in_process_executor,
    )
    cron: dict[str, tuple[UnresolvedAssetJobDefinition | JobDefinition, str]] = {
        **{job.schedule: (_sync_job(one, job), job.cron) for one in sources for job in one.jobs},
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


def is_sync_only(run: DagsterRun) -> bool:
    """Whether a run only syncs sources, and builds nothing."""
    sources = staging_assets()
    if run.asset_selection:
        return all(key.path[0] in sources for key in run.asset_selection)
    return run.job_name in {job.name for source in sources.values() for job in source.jobs}


def _sync_job(source: StagingAssets, job: SyncJob) -> UnresolvedAssetJobDefinition:
    return define_asset_job(
        job.name,
        selection=AssetSelection.assets(*source.keys_of(*job.streams)),
        description=job.description,
        config=NO_CONSOLE_EVENTS,
        executor_def=in_process_executor,
    )
