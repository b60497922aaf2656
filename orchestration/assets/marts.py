"""The dbt models as assets `marts/<model>` and `prep/<model>`, their tests as asset checks, and the served cache.

The colour is not part of a key: an asset is what readers see. One step does it all, since build, turn and cache belong
under one lock. Whatever part of it is selected, it builds all that is stale and publishes it whole: a generation is
built on one state of the data.
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

from orchestration.assets.selection import selected_assets, selected_checks
from orchestration.assets.state import CACHE_KEY, CONFIRMED, state_of_all
from orchestration.dbt.graph import Graph, Model, Source, Test
from orchestration.engine.interrupts import foreign_code, plain_failures
from orchestration.pipeline.publish import build_and_publish
from orchestration.pipeline.transform import Transformed
from orchestration.warehouse_access import Warehouse
from warehouse.core.errors import LadderError

__all__ = ["CACHE_KEY", "STEP", "TransformConfig", "check_names", "keys_of_tests", "model_key", "transform_assets"]

#: Name of the step.
STEP = "build_marts"
#: A build reads every staging table, whatever part of it is selected. Where no dependency leads from a selected table
#: to the selected models, Dagster orders the two steps by this alone. Ingestion has priorities from 0 downwards.
_AFTER_EVERY_STREAM = {"dagster/priority": "-1000"}


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
        description="Answers for applications, from the generation that the views of marts show.",
        deps=[model_key(model) for model in graph.models if model.is_mart],
        group_name="serving",
        kinds={"redis"},
    )

    confirmed = AssetCheckSpec(
        CONFIRMED.name, asset=CACHE_KEY, description="A run confirmed the published marts not too long ago."
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
        op_tags=_AFTER_EVERY_STREAM,
    )
    def transform_step(
        context: OpExecutionContext, config: TransformConfig
    ) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
        warehouse: Warehouse = context.resources.warehouse
        with plain_failures():
            try:
                with foreign_code():
                    outcome = build_and_publish(warehouse, full_refresh=config.full_refresh)
            except LadderError:
                # How late the marts are by now is what a person needs to know of a build that fails again and again.
                yield from selected_checks(context, state_of_all(warehouse, graph, None), is_logged=True)
                raise
            yield from selected_checks(context, _check_results(outcome, checks, tests), is_logged=outcome.is_built)
            has_begun = outcome.failure is None or outcome.is_built
            state = state_of_all(warehouse, graph, outcome if has_begun else None)
            yield from selected_checks(context, state, is_logged=True)
            changed = {*_loaded_keys(outcome), *(keys[unique_id] for unique_id in outcome.changed)}
            if outcome.is_built and outcome.failure is None:
                changed.add(CACHE_KEY)
            yield from selected_assets(context, _materializations(outcome, keys), changed=changed, is_read=False)
            if outcome.failure is not None:
                raise outcome.failure

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
    )


def _check_spec(test: Test, key: AssetKey, name: str) -> AssetCheckSpec:
    return AssetCheckSpec(name, asset=key, description=test.description or None)


def _first_reader(graph: Graph, test: Test) -> AssetKey | None:
    readers = (model for model in graph.models if set(model.upstream) & set(test.upstream))
    return next((model_key(model) for model in readers), None)


def _check_results(
    outcome: Transformed, checks: Mapping[str, tuple[AssetKey, str]], tests: Mapping[str, Test]
) -> Iterator[AssetCheckResult]:
    """Results of tests, new ones or those that the standing generation passed when it was built.

    A test was not evaluated where it was skipped, since what it reads was not built, or where nothing that it reads has
    changed.
    """
    for result in outcome.results:
        if result.unique_id in checks and result.status != "skipped" and not (outcome.is_built and result.is_reused):
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


def _loaded_keys(outcome: Transformed) -> dict[AssetKey, int]:
    """Staging tables that were loaded first, and how many of their rows changed."""
    return {AssetKey(list(table)): rows for table, rows in outcome.loaded.items()}


def _materializations(outcome: Transformed, keys: Mapping[str, AssetKey]) -> Iterator[MaterializeResult[None]]:
    """One for each staging table that was loaded first, for each model of what is published, and for the cache.

    After a failure it is those alone that changed before it.
    """
    for key, rows in _loaded_keys(outcome).items():
        yield MaterializeResult(asset_key=key, metadata={"rows changed": rows})
    generation = outcome.generation
    if generation is None:
        return
    results = {result.unique_id: result for result in outcome.results}
    version = DataVersion(str(generation.generation))
    standing: dict[str, RawMetadataValue] = {
        "generation": generation.generation,
        "as of": MetadataValue.text(str(generation.as_of_date)),
        "newest batch": generation.head_batch_id,
        "confirmed at": MetadataValue.timestamp(generation.confirmed_at),
    }
    for unique_id, key in keys.items():
        spent: dict[str, RawMetadataValue] = {"status": "unchanged"}
        if unique_id in outcome.changed:
            changed_rows = outcome.changed[unique_id]
            spent = {"status": "changed", **({} if changed_rows is None else {"rows changed": changed_rows})}
            if unique_id in results:
                spent["duration_s"] = results[unique_id].duration_s
        elif outcome.failure is not None:
            continue
        yield MaterializeResult(asset_key=key, metadata={**standing, **spent}, data_version=version)
    if outcome.failure is None:
        yield MaterializeResult(asset_key=CACHE_KEY, metadata=standing, data_version=version)
