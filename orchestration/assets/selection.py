"""Steps that do all of their work whatever part of it is selected: what is reported of the rest.

A step may report only what was selected as its own results. What else it changed goes into the log of the same run, as
the same kind of event, so that Dagster knows it too.
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
from dagster._core.definitions.data_version import DATA_VERSION_TAG

__all__ = ["selected_assets", "selected_checks"]


def selected_assets(
    context: OpExecutionContext, results: Iterable[MaterializeResult[None]], *, logged: Collection[AssetKey]
) -> Iterator[MaterializeResult[None]]:
    """Results of the selected assets, in their order.

    Args:
        context: of the step.
        results: of every asset of the step.
        logged: assets that are logged as materialized though they were not selected.
    """
    selected = set(context.selected_asset_keys)
    for result in results:
        key = result.asset_key
        assert key is not None  # a step of several assets names each
        if key in selected:
            yield result
        elif key in logged:
            tags = {DATA_VERSION_TAG: result.data_version.value} if result.data_version else None
            context.log_event(AssetMaterialization(key, metadata=result.metadata, tags=tags))


def selected_checks(
    context: OpExecutionContext, results: Iterable[AssetCheckResult], *, is_logged: bool
) -> Iterator[AssetCheckResult]:
    """Results of the selected checks, in their order.

    Args:
        context: of the step.
        results: of every check of the step.
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
