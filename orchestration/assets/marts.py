"""The dbt models as assets `marts/<model>` and `prep/<model>`, their tests as asset checks, and the served cache.

The colour is not part of a key: an asset is what readers see. One step does it all, since build, turn and cache belong
under one lock. Whatever part of it is selected, it builds all that is stale and publishes it whole: a generation is
built on one state of the data.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Config,
    DataVersion,
    Failure,
    FreshnessPolicy,
    MaterializeResult,
    MetadataValue,
    OpExecutionContext,
    TableColumn,
    TableSchema,
    multi_asset,
)
from dagster._core.definitions.metadata import RawMetadataValue

from orchestration.assets.selection import selected_assets, selected_checks
from orchestration.dbt_graph import Graph, Model, Source, Test
from orchestration.interrupts import foreign_code, plain_failures
from orchestration.publishing import build_and_publish
from orchestration.transform import Transformed

__all__ = ["CACHE_KEY", "STEP", "TransformConfig", "check_names", "model_key", "transform_assets"]

#: Name of the step.
STEP = "build_marts"
#: What applications read.
CACHE_KEY = AssetKey(["serving", "cache"])
#: A mart that was not confirmed for this long is late; transformation runs every hour.
_LATE_AFTER = timedelta(hours=3)


class TransformConfig(Config):
    """How to build.

    Args:
        full_refresh: rebuild everything from nothing, even if nothing is new.
    """

    full_refresh: bool = False


def model_key(model: Model) -> AssetKey:
    """Asset of a model or seed."""
    return AssetKey(["marts" if model.is_mart else "prep", model.name])


def check_names(graph: Graph) -> dict[str, tuple[AssetKey, str]]:
    """Asset and name of the check of each test, by dbt's id.

    A test of a source is shown with the first model that reads the source: staging assets belong to ingestion.
    """
    keys = {model.unique_id: model_key(model) for model in graph.models}
    found: dict[str, tuple[AssetKey, str]] = {}
    for test in graph.tests:
        shown_with = keys.get(test.target) or _first_reader(graph, test)
        if shown_with is not None:
            found[test.unique_id] = (shown_with, re.sub(r"\W+", "_", test.name))
    return found


def transform_assets(graph: Graph) -> AssetsDefinition:
    """The step that builds, tests and publishes all models of a graph."""
    keys = {model.unique_id: model_key(model) for model in graph.models}
    upstream = keys | {source.unique_id: _staging_key(source) for source in graph.sources if source.source != "ops"}
    checks = check_names(graph)
    specs = [_spec(model, upstream) for model in graph.models]
    served = AssetSpec(
        CACHE_KEY,
        description="Answers for applications, from the generation that the views of marts show.",
        deps=[model_key(model) for model in graph.models if model.is_mart],
        group_name="serving",
        kinds={"redis"},
    )

    @multi_asset(
        name=STEP,
        specs=[*specs, served],
        check_specs=[_check_spec(test, *checks[test.unique_id]) for test in graph.tests if test.unique_id in checks],
        required_resource_keys={"warehouse"},
        can_subset=True,
    )
    def transform_step(
        context: OpExecutionContext, config: TransformConfig
    ) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
        with plain_failures(), foreign_code():
            outcome = build_and_publish(context.resources.warehouse, full_refresh=config.full_refresh)
        results = _check_results(outcome, checks, {test.unique_id: test for test in graph.tests})
        yield from selected_checks(context, results, is_logged=outcome.is_built)
        if outcome.failure is not None:
            raise Failure(description=str(outcome.failure), allow_retries=False)
        built = {result.unique_id for result in outcome.results if outcome.is_built and result.status == "success"}
        changed = [key for unique_id, key in keys.items() if unique_id in built]
        yield from selected_assets(context, _materializations(outcome, keys), logged=[*changed, CACHE_KEY])

    return transform_step


def _staging_key(source: Source) -> AssetKey:
    """Asset of a staging table; its feed of old rows is part of it."""
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
        freshness_policy=FreshnessPolicy.time_window(fail_window=_LATE_AFTER) if model.is_mart else None,
    )


def _check_spec(test: Test, key: AssetKey, name: str) -> AssetCheckSpec:
    return AssetCheckSpec(name, asset=key, description=test.description or None)


def _first_reader(graph: Graph, test: Test) -> AssetKey | None:
    readers = (model for model in graph.models if set(model.upstream) & set(test.upstream))
    return next((model_key(model) for model in readers), None)


def _check_results(
    outcome: Transformed, checks: Mapping[str, tuple[AssetKey, str]], tests: Mapping[str, Test]
) -> Iterator[AssetCheckResult]:
    """Results of tests, new ones or those that the standing generation passed when it was built."""
    for result in outcome.results:
        if result.unique_id in checks:
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
                },
            )


def _materializations(outcome: Transformed, keys: Mapping[str, AssetKey]) -> Iterator[MaterializeResult[None]]:
    """One for each model: an event also says that an unchanged one still holds, as dbt's own `reused` does."""
    generation = outcome.generation
    assert generation is not None  # without a failure there is one
    results = {result.unique_id: result for result in outcome.results}
    version = DataVersion(str(generation.generation))
    standing: dict[str, RawMetadataValue] = {
        "generation": generation.generation,
        "as of": MetadataValue.text(str(generation.as_of_date)),
        "newest batch": generation.head_batch_id,
    }
    for unique_id, key in keys.items():
        result = results.get(unique_id)
        spent: dict[str, RawMetadataValue] = {}
        if result and outcome.is_built:
            spent = {"status": result.status, "duration_s": result.duration_s}
        yield MaterializeResult(asset_key=key, metadata={"status": "reused", **standing, **spent}, data_version=version)
    yield MaterializeResult(asset_key=CACHE_KEY, metadata=standing, data_version=version)
