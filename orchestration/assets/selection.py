"""Steps that do all of their work whatever part of it is selected: what is reported as materialized.

What a step changed is materialized, selected or not: a step may report only what was selected as its own results, so
the rest goes into the log of the same run as the same kind of event. What it found unchanged is materialized only where
somebody selected that very asset, in the web UI or by `dagster asset materialize`, and waits for its result; in the
jobs, which select everything each time, it leaves no event (docs/decisions/0032-what-a-run-reports.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetKey,
    AssetMaterialization,
    MaterializeResult,
    OpExecutionContext,
)
from dagster._core.definitions.assets.job.asset_job import is_reserved_asset_job_name
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

__all__ = ["selected_assets", "selected_checks"]

#: With this in its metadata Dagster passes an output on and records no materialization for it.
_UNCHANGED = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}


def selected_assets(
    context: OpExecutionContext,
    results: Iterable[MaterializeResult[None]],
    *,
    changed: Collection[AssetKey],
    is_read: bool,
) -> Iterator[MaterializeResult[None]]:
    """Results of the selected assets, in their order.

    Args:
        context: of the step.
        results: of every asset of the step, and of others that it changed.
        changed: assets that the step changed.
        is_read: whether later steps wait for assets of this one: Dagster would skip them without a result.
    """
    selected = set(context.selected_asset_keys)
    is_ad_hoc = is_reserved_asset_job_name(context.job_name)
    for result in results:
        key = result.asset_key
        assert key is not None  # a step of several assets names each
        if key in selected and (is_ad_hoc or key in changed):
            yield result
        elif key in selected and is_read:
            yield MaterializeResult(asset_key=key, metadata=_UNCHANGED)
        elif key in changed:
            tags = {DATA_VERSION_TAG: result.data_version.value} if result.data_version else None
            context.log_event(AssetMaterialization(key, metadata=result.metadata, tags=tags))


def selected_checks(
    context: OpExecutionContext, results: Iterable[AssetCheckResult], *, is_logged: bool
) -> Iterator[AssetCheckResult]:
    """Results of the selected checks, in their order.

    Args:
        context: of the step.
        results: of every check of the step that was evaluated.
        is_logged: whether the others were evaluated anew, and are logged.
    """
    selected = {(key.asset_key, key.name) for key in context.selected_asset_check_keys}
    for result in results:
        assert result.asset_key is not None  # a step of several assets names each
        assert result.check_name is not None
        if (result.asset_key, result.check_name) in selected:
            yield result
        elif is_logged:
            evaluated = AssetCheckEvaluation(
                asset_key=result.asset_key,
                check_name=result.check_name,
                passed=result.passed,
                metadata=result.metadata,
                severity=result.severity,
            )
            context.log_event(evaluated)  # type: ignore[arg-type]  # taken, though its type does not say so
