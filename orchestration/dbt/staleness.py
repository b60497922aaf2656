"""The models and tests that a build has to run: those downstream of a change since the last build of the colour.

A build starts with the changed sources. A table runs if one of its inputs has changed, and counts as changed if its run
wrote a row. A view has changed if one of its inputs has. So a fact that stays the same ends the chain, and models that
read nothing else are reused. The order of dbt's queue makes this exact: a node is examined after all of its inputs.
"""

from __future__ import annotations

from collections.abc import Collection

from orchestration.dbt.graph import Graph

__all__ = ["Staleness"]


class Staleness:
    """State of one build of a colour whose previous build was complete.

    Args:
        graph: models and tests.
        changed_sources: dbt's ids of the sources that changed after that build.
    """

    def __init__(self, graph: Graph, changed_sources: Collection[str]) -> None:
        self._upstream = {model.unique_id: model.upstream for model in graph.models}
        self._upstream |= {test.unique_id: test.upstream for test in graph.tests}
        self._views = {model.unique_id for model in graph.models if model.materialized in ("view", "ephemeral")}
        self._always = {model.unique_id for model in graph.models if model.reads_clock}
        self._changed = set(changed_sources)

    def is_stale(self, unique_id: str) -> bool:
        """Whether a model or test has to run. Call it after all of its inputs are done."""
        return unique_id in self._always or any(self._has_changed(one) for one in self._upstream.get(unique_id, ()))

    def is_known(self, unique_id: str) -> bool:
        """Whether a node is a model or test of the graph; dbt's queue has others too, such as exposures."""
        return unique_id in self._upstream

    def record(self, unique_id: str, rows_written: int | None) -> None:
        """Record that a model has run.

        Args:
            unique_id: dbt's id.
            rows_written: rows inserted, updated and deleted; None if unknown, which counts as a change.
        """
        if rows_written != 0:
            self._changed.add(unique_id)

    def _has_changed(self, unique_id: str) -> bool:
        return unique_id in self._changed or (unique_id in self._views and self.is_stale(unique_id))
