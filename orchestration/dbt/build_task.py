"""A `dbt build` that skips nodes without upstream changes.

dbt selects nodes before a build starts, but whether a model changes its table is known only after it has run. The class
of the task that executes the queue is therefore replaced during the build: a node that is not stale is marked as done
without a connection, a statement or an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from orchestration.dbt.staleness import Staleness

__all__ = ["only_stale_nodes"]

#: Class in `dbt.task.build` that the command `dbt build` imports when it runs.
_TASK = "BuildTask"


@contextmanager
def only_stale_nodes(staleness: Staleness | None, on_reused: Callable[[str], None]) -> Iterator[None]:
    """Make `dbt build` run only stale nodes until the block ends.

    Args:
        staleness: decides which nodes are stale; None runs every node.
        on_reused: called with dbt's id of each node that is skipped.
    """
    if staleness is None:
        yield
        return
    from dbt.artifacts.schemas.results import RunStatus  # noqa: PLC0415 -- seconds, and only a build needs it
    from dbt.artifacts.schemas.run import RunResult  # noqa: PLC0415
    from dbt.task import build  # noqa: PLC0415

    known, is_stale = staleness.is_known, staleness.is_stale
    plain_task = getattr(build, _TASK)

    class StateAwareBuildTask(plain_task):  # type: ignore[misc, valid-type]  # replaced for a time, so that no type checker can know it
        def handle_job_queue_node(self, node: Any, pool: Any, callback: Any) -> None:
            is_reused = known(node.unique_id) and not is_stale(node.unique_id)
            if node.unique_id in self._skipped_children or not is_reused:
                super().handle_job_queue_node(node, pool, callback)
                return
            on_reused(node.unique_id)
            callback(
                RunResult(
                    status=RunStatus.NoOp,
                    timing=[],
                    thread_id="",
                    execution_time=0.0,
                    adapter_response={},
                    message="no upstream changes",
                    failures=None,
                    batch_results=None,
                    node=node,
                )
            )

    setattr(build, _TASK, StateAwareBuildTask)
    try:
        yield
    finally:
        setattr(build, _TASK, plain_task)
