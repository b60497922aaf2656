"""Builds of the dbt project, and its documentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from orchestration.dbt.arguments import GENERATE_CATALOG, build_arguments
from orchestration.dbt.build_task import only_stale_nodes
from orchestration.dbt.invocation import error_line, invoke, log_folder, target_folder
from orchestration.dbt.manifests import Prepared, Target, load_manifest, load_published_manifest
from orchestration.dbt.results import NodeResult, add_failing_rows, result_of_event, reused_results
from orchestration.dbt.staleness import Staleness
from warehouse.core.errors import BuildError
from warehouse.core.settings import Settings
from warehouse.database.locks import registered_build
from warehouse.publication.generations import Colour

__all__ = ["build", "describe"]

#: Prefix of the line that the macro `report_rows_written` logs. `?` after it stands for an unknown number.
_ROWS_WRITTEN = "rows written: "

#: Parallel workers of the server would take the core that a build leaves to readers.
_ONE_CORE_PER_SESSION = "-c max_parallel_workers_per_gather=0 -c max_parallel_maintenance_workers=0"


def build(
    prepared: Prepared,
    settings: Settings,
    transform_url: str,
    colour: Target,
    *,
    lock: psycopg.Connection,
    full_refresh: bool = False,
    select: Sequence[str] = (),
    limit_cpu: bool = False,
    staleness: Staleness | None = None,
    on_node: Callable[[NodeResult], None] = lambda result: None,
) -> list[NodeResult]:
    """Build and test every model in a colour. Results are in the order in which the nodes finished.

    In `scratch` only tables are built, from the views that all colours share, and nothing is tested.

    Args:
        prepared: the project.
        settings: where logs go.
        transform_url: login of `ladder_transform`.
        colour: where to build.
        lock: the connection that holds the build lock, in autocommit.
        full_refresh: build every model from scratch; otherwise views and seeds are reused.
        select: models, in dbt's selector syntax; all models by default.
        limit_cpu: leave one core to readers, for long computations.
        staleness: skips models and tests without upstream changes; None runs all of them.
        on_node: called with each result, from one of dbt's threads.

    Raises:
        BuildError: dbt could not run, or a mart would be built in another colour.
    """
    manifest = load_manifest(prepared, settings, transform_url, colour)
    is_scratch = colour == "scratch"
    results = [] if full_refresh or is_scratch else reused_results(prepared.graph)
    for result in results:
        on_node(result)
    names = {model.unique_id: model.name for model in prepared.graph.models}
    names |= {test.unique_id: test.name for test in prepared.graph.tests}
    rows_written: dict[str, int | None] = {}

    def add(result: NodeResult) -> None:
        results.append(result)
        on_node(result)

    def on_reused(unique_id: str) -> None:
        add(NodeResult(unique_id, names[unique_id], "reused", "no upstream changes", 0, 0.0))

    def on_event(event: Any) -> None:
        if event.info.name == "JinjaLogDebug" and event.data.msg.startswith(_ROWS_WRITTEN):
            unique_id, count = event.data.node_info.unique_id, event.data.msg.removeprefix(_ROWS_WRITTEN)
            is_known = count.isdigit() and rows_written.get(unique_id, 0) is not None
            rows_written[unique_id] = int(count) if is_known else None
        elif event.info.name == "NodeFinished" and event.data.node_info.resource_type != "operation":
            unique_id = event.data.node_info.unique_id
            result = result_of_event(event.data, rows_written.get(unique_id))
            if staleness is not None and result.status == "success":
                staleness.record(unique_id, result.rows_written)
            add(result)

    with registered_build(lock, colour) as registration, only_stale_nodes(staleness, on_reused):
        outcome = invoke(
            prepared.project,
            build_arguments(is_scratch=is_scratch, full_refresh=full_refresh, select=select, limit_cpu=limit_cpu),
            settings,
            transform_url,
            colour,
            manifest=manifest,
            on_event=on_event,
            registration=registration,
            server_options=_ONE_CORE_PER_SESSION if limit_cpu else "",
        )
    if outcome.exception is not None:
        raise BuildError(f"dbt could not build: {error_line(outcome.exception)}", f"see {log_folder(settings)}/dbt.log")
    if not (full_refresh or is_scratch or select):
        for test in prepared.graph.tests:
            if test.is_full_build_only:
                on_reused(test.unique_id)
    return add_failing_rows(results, outcome.result, lock)


def describe(
    prepared: Prepared, settings: Settings, transform_url: str, colour: Colour
) -> tuple[dict[str, Any], dict[str, Any]]:
    """dbt's manifest and catalogue of the published colour, in which marts have the names of their views.

    Args:
        prepared: the project.
        settings: where logs and dbt's own files go.
        transform_url: login of `ladder_transform`.
        colour: the published one.

    Raises:
        BuildError: dbt could not run.
    """
    manifest = load_published_manifest(prepared.project, prepared.folder, settings, transform_url, colour)
    target_folder(settings, colour).mkdir(parents=True, exist_ok=True)
    outcome = invoke(prepared.project, GENERATE_CATALOG, settings, transform_url, colour, manifest=manifest)
    if not outcome.success:
        raise BuildError(
            f"dbt could not document: {error_line(outcome.exception)}", f"see {log_folder(settings)}/dbt.log"
        )
    return manifest.writable_manifest().to_dict(), outcome.result.to_dict()
