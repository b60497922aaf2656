"""Results of dbt's nodes: from its events, with the first rows of failed tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import psycopg

from orchestration.dbt.failing_rows import FailingRows, read_failing_rows
from orchestration.dbt.graph import Graph

__all__ = ["NodeResult", "Status", "add_failing_rows", "result_of_event", "reused_results"]

Status = Literal["success", "pass", "warn", "fail", "error", "skipped", "reused"]

#: dbt's statuses, where they are not errors.
_STATUSES: Mapping[str, Status] = {
    "success": "success",
    "pass": "pass",
    "warn": "warn",
    "fail": "fail",
    "skipped": "skipped",
    "no-op": "success",
}
#: Each test takes one query, so rows are read for this many at most.
_MAX_TESTS_WITH_ROWS = 10


@dataclass(frozen=True, slots=True)
class NodeResult:
    """Result of a model, seed or test.

    Args:
        unique_id: dbt's id.
        name: its name.
        status: `success` of a model; `pass`, `warn`, `fail` of a test; `error`, `skipped` of both; `reused` of a node
            that did not have to run.
        message: dbt's message, in one line.
        failures: number of rows that fail a test.
        duration_s: execution time in seconds.
        sample: first rows returned by a test that failed or warned; None for other nodes, and if the rows cannot be
            read.
        rows_written: rows that a model inserted, updated and deleted; None if unknown, as for views.
        is_reused: whether the result of a test is from an earlier build, because nothing that it reads has changed.
    """

    unique_id: str
    name: str
    status: Status
    message: str
    failures: int
    duration_s: float
    sample: FailingRows | None = None
    rows_written: int | None = None
    is_reused: bool = False


def result_of_event(data: Any, rows_written: int | None) -> NodeResult:
    """The result in the data of dbt's event `NodeFinished`, with the rows that its hooks have logged."""
    result = data.run_result
    return NodeResult(
        unique_id=data.node_info.unique_id,
        name=data.node_info.node_name,
        status=_STATUSES.get(result.status.lower(), "error"),
        message=" ".join((result.message or "").split()),
        failures=int(result.num_failures or 0),
        duration_s=float(result.execution_time or 0.0),
        rows_written=rows_written,
    )


def reused_results(graph: Graph) -> list[NodeResult]:
    """Results of the views and seeds, which an incremental build leaves as they are.

    Only a change of the project changes them, and a changed project is built in full.
    """
    return [
        NodeResult(model.unique_id, model.name, "reused", "unchanged", 0, 0.0)
        for model in graph.models
        if model.materialized in ("view", "seed")
    ]


def add_failing_rows(results: Sequence[NodeResult], outcome: Any, connection: psycopg.Connection) -> list[NodeResult]:
    """Add the first rows to the results of tests that failed or warned, failed ones first.

    Args:
        results: of the build.
        outcome: dbt's own result, which has the compiled queries.
        connection: a login of `ladder_transform`, in autocommit.
    """
    nodes = {one.node.unique_id: one.node for one in outcome.results}
    failed = [result for result in results if result.status == "fail"]
    warned = [result for result in results if result.status == "warn"]
    with_rows = {
        result.unique_id: replace(result, sample=read_failing_rows(connection, nodes[result.unique_id].compiled_code))
        for result in [*failed, *warned][:_MAX_TESTS_WITH_ROWS]
    }
    return [with_rows.get(result.unique_id, result) for result in results]
