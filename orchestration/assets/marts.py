"""The dbt models as assets `marts/<model>` and `prep/<model>`, their tests as asset checks, and the served cache.

The colour is not part of a key, because an asset stands for the published table. One step does everything: build,
promotion and cache need one lock. Whichever assets are selected, it builds all stale models and publishes them
together, because a generation is built from one state of the data.
"""

import re
from collections.abc import Iterator, Mapping

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Config,
    DataVersion,
    MaterializeResult,
    MetadataValue,
    OpExecutionContext,
    TableColumn,
    TableSchema,
    multi_asset,
)
from dagster._core.definitions.metadata import RawMetadataValue

from orchestration.assets.confirmation import CACHE_KEY, CONFIRMED, confirmation_result
from orchestration.assets.selection import selected_assets, selected_checks
from orchestration.assets.staging import AFTER_ALL_STREAMS
from orchestration.dbt.graph import Graph, Model, Source, Test
from orchestration.engine.interrupts import convert_interrupts, expected_errors_as_failures
from orchestration.pipeline.publish import build_and_publish
from orchestration.pipeline.transform import TransformResult
from orchestration.warehouse_access import Warehouse
from warehouse.core.errors import LadderError

__all__ = ["CACHE_KEY", "STEP", "TransformConfig", "check_names", "keys_of_tests", "model_key", "transform_assets"]

#: Name of the step.
STEP = "build_marts"


class TransformConfig(Config):
    """How to build.

    Args:
        full_refresh: rebuild everything from scratch, even without new data.
    """

    full_refresh: bool = False


def model_key(model: Model) -> AssetKey:
    """Asset of a model or seed."""
    return AssetKey(["marts" if model.is_mart else "prep", model.name])


def check_names(graph: Graph) -> dict[str, tuple[AssetKey, str]]:
    """Asset and check name of each test, by dbt's id.

    A test of a source is a check of the first model that reads the source, because another step owns the staging
    assets.
    """
    keys = {model.unique_id: model_key(model) for model in graph.models}
    found: dict[str, tuple[AssetKey, str]] = {}
    for test in graph.tests:
        asset = keys.get(test.target) or _first_dependent(graph, test)
        if asset is not None:
            found[test.unique_id] = (asset, re.sub(r"\W+", "_", test.name))
    return found


def keys_of_tests(graph: Graph) -> list[AssetCheckKey]:
    """The check of every test."""
    return [AssetCheckKey(key, name) for key, name in check_names(graph).values()]


def transform_assets(graph: Graph) -> AssetsDefinition:
    """The step that builds, tests and publishes all models of a graph."""
    keys = {model.unique_id: model_key(model) for model in graph.models}
    upstream = keys | {source.unique_id: _staging_key(source) for source in graph.sources if source.source != "ops"}
    checks = check_names(graph)
    specs = [_spec(model, upstream) for model in graph.models]
    served = AssetSpec(
        CACHE_KEY,
        description="Cached responses for applications, from the published generation.",
        deps=[model_key(model) for model in graph.models if model.is_mart],
        group_name="serving",
        kinds={"redis"},
    )

    confirmed = AssetCheckSpec(
        CONFIRMED.name, asset=CACHE_KEY, description="A run has confirmed the published marts recently."
    )
    tests = {test.unique_id: test for test in graph.tests}

    @multi_asset(
        name=STEP,
        specs=[*specs, served],
        check_specs=[
            confirmed,
            *(_check_spec(test, *checks[test.unique_id]) for test in graph.tests if test.unique_id in checks),
        ],
        required_resource_keys={"warehouse"},
        can_subset=True,
        # A build reads every staging table, whatever part of it is selected. If no dependency leads from a selected
        # table to the selected models, Dagster orders the two steps only by priority.
        op_tags={"dagster/priority": str(AFTER_ALL_STREAMS)},
    )
    def transform_step(
        context: OpExecutionContext, config: TransformConfig
    ) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
        warehouse: Warehouse = context.resources.warehouse
        with expected_errors_as_failures():
            try:
                with convert_interrupts():
                    outcome = build_and_publish(warehouse, full_refresh=config.full_refresh)
            except LadderError:
                # If builds fail repeatedly, the age of the published marts is what the user needs to know.
                yield from selected_checks(context, confirmation_result(warehouse, graph, None), is_logged=True)
                raise
            yield from selected_checks(context, _check_results(outcome, checks, tests), is_logged=outcome.is_built)
            has_started = outcome.failure is None or outcome.is_built
            confirmation = confirmation_result(warehouse, graph, outcome if has_started else None)
            yield from selected_checks(context, confirmation, is_logged=True)
            changed = {*_loaded_keys(outcome), *(keys[unique_id] for unique_id in outcome.changed)}
            if outcome.is_built and outcome.failure is None:
                changed.add(CACHE_KEY)
            yield from selected_assets(context, _materializations(outcome, keys), changed=changed, has_downstream=False)
            if outcome.failure is not None:
                raise outcome.failure

    return transform_step


def _staging_key(source: Source) -> AssetKey:
    """Asset of a staging table. Its change feed belongs to the same asset."""
    return AssetKey([source.source, source.name.removesuffix("__feed")])


def _spec(model: Model, upstream: Mapping[str, AssetKey]) -> AssetSpec:
    columns = [TableColumn(name, description=text) for name, text in model.columns.items()]
    schema = "marts" if model.is_mart else model.schema
    return AssetSpec(
        model_key(model),
        description=model.description or None,
        deps=list(dict.fromkeys(upstream[unique_id] for unique_id in model.upstream if unique_id in upstream)),
        group_name=schema,
        kinds={"dbt", "postgres"},
        metadata={
            "dagster/column_schema": TableSchema(columns=columns),
            "dagster/table_name": f"{schema}.{model.name}",
            "materialized": model.materialized,
        },
    )


def _check_spec(test: Test, key: AssetKey, name: str) -> AssetCheckSpec:
    return AssetCheckSpec(name, asset=key, description=test.description or None)


def _first_dependent(graph: Graph, test: Test) -> AssetKey | None:
    dependents = (model for model in graph.models if set(model.upstream) & set(test.upstream))
    return next((model_key(model) for model in dependents), None)


def _check_results(
    outcome: TransformResult, checks: Mapping[str, tuple[AssetKey, str]], tests: Mapping[str, Test]
) -> Iterator[AssetCheckResult]:
    """Results of tests: new ones, or those from the build of the published generation.

    A skipped test was not evaluated, because a model that it reads was not built, and yields no result. Neither does a
    test that a build reused, because nothing that it reads has changed.
    """
    for result in outcome.results:
        is_evaluated = result.status not in ("skipped", "reused") and not (outcome.is_built and result.is_reused)
        if result.unique_id in checks and is_evaluated:
            key, name = checks[result.unique_id]
            is_warning = result.status == "warn" or tests[result.unique_id].is_warning
            yield AssetCheckResult(
                asset_key=key,
                check_name=name,
                passed=result.status == "pass",
                severity=AssetCheckSeverity.WARN if is_warning else AssetCheckSeverity.ERROR,
                metadata={
                    "status": result.status if outcome.is_built else "reused",
                    "failing rows": result.failures,
                    "message": result.message,
                    "duration_s": result.duration_s,
                    **({"first rows": MetadataValue.md(result.sample.as_markdown())} if result.sample else {}),
                },
            )


def _loaded_keys(outcome: TransformResult) -> dict[AssetKey, int]:
    """Staging tables that the step loaded before the build, with their numbers of changed rows."""
    return {AssetKey(list(table)): rows for table, rows in outcome.loaded.items()}


def _materializations(outcome: TransformResult, keys: Mapping[str, AssetKey]) -> Iterator[MaterializeResult[None]]:
    """One for each staging table that was loaded before the build, for each published model, and for the cache.

    After a failure, only for those that changed before it.
    """
    for key, rows in _loaded_keys(outcome).items():
        yield MaterializeResult(asset_key=key, metadata={"rows changed": rows})
    generation = outcome.generation
    if generation is None:
        return
    results = {result.unique_id: result for result in outcome.results}
    version = DataVersion(str(generation.generation))
    published: dict[str, RawMetadataValue] = {
        "generation": generation.generation,
        "as of": MetadataValue.text(str(generation.as_of_date)),
        "newest batch": generation.head_batch_id,
        "confirmed at": MetadataValue.timestamp(generation.confirmed_at),
    }
    for unique_id, key in keys.items():
        status: dict[str, RawMetadataValue] = {"status": "unchanged"}
        if unique_id in outcome.changed:
            changed_rows = outcome.changed[unique_id]
            status = {"status": "changed", **({} if changed_rows is None else {"rows changed": changed_rows})}
            if unique_id in results:
                status["duration_s"] = results[unique_id].duration_s
        elif outcome.failure is not None:
            continue
        yield MaterializeResult(asset_key=key, metadata={**published, **status}, data_version=version)
    if outcome.failure is None:
        yield MaterializeResult(asset_key=CACHE_KEY, metadata=published, data_version=version)
