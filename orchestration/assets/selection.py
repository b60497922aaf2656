"""Results of steps that do all of their work whichever of their assets are selected.

Every changed asset is reported as materialized. Dagster accepts results only for selected assets, so changed assets
outside the selection are logged as events of the same kind in the same run. An unchanged asset is reported only in an
ad hoc run, in which a user has selected it, in the web UI or with `dagster asset materialize`. Jobs select everything
each time, so there unchanged assets leave no event (docs/decisions/0032-what-a-run-reports.md).
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

#: An output with this metadata is passed to downstream steps without a materialization event.
_UNCHANGED = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}


def selected_assets(
    context: OpExecutionContext,
    results: Iterable[MaterializeResult[None]],
    *,
    changed: Collection[AssetKey],
    has_downstream: bool,
) -> Iterator[MaterializeResult[None]]:
    """Results of the selected assets, in order. Other changed assets are logged.

    Args:
        context: of the step.
        results: of all assets of the step, and of other assets that it changed.
        changed: assets that the step changed.
        has_downstream: whether later steps depend on these assets. Dagster would skip them without a result.
    """
    selected = set(context.selected_asset_keys)
    is_ad_hoc = is_reserved_asset_job_name(context.job_name)
    for result in results:
        key = result.asset_key
        assert key is not None  # every result of a multi-asset step names its asset
        if key in selected and (is_ad_hoc or key in changed):
            yield result
        elif key in selected and has_downstream:
            yield MaterializeResult(asset_key=key, metadata=_UNCHANGED)
        elif key in changed:
            tags = {DATA_VERSION_TAG: result.data_version.value} if result.data_version else None
            context.log_event(AssetMaterialization(key, metadata=result.metadata, tags=tags))


def selected_checks(
    context: OpExecutionContext, results: Iterable[AssetCheckResult], *, is_logged: bool
) -> Iterator[AssetCheckResult]:
    """Results of the selected checks, in order.

    Args:
        context: of the step.
        results: of all checks of the step that were evaluated.
        is_logged: whether results outside the selection are logged, because they are new.
    """
    selected = {(key.asset_key, key.name) for key in context.selected_asset_check_keys}
    for result in results:
        assert result.asset_key is not None  # every result of a multi-asset step names its asset
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
            context.log_event(evaluated)  # type: ignore[arg-type]  # accepted, though the annotation excludes it
