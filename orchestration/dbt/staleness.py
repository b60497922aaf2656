"""Which models and tests a build has to run: those below something that changed since the colour was built last.

A build begins with the sources that changed. A table is run when something that it reads changed, and counts as changed
when its run wrote a row; a view has changed when something below it has. A fact that came out as it was ends the
chain: models that read nothing else are reused. The order of dbt's queue makes this exact: a node is examined after all
that it reads.
"""

from __future__ import annotations

from collections.abc import Collection

from orchestration.dbt.graph import Graph

__all__ = ["Staleness"]


class Staleness:
    """The state of one build of a colour that was built to its end before.

    Args:
        graph: models and tests.
        changed_sources: dbt's ids of sources with rows that are newer than the last build of the colour.
    """

    def __init__(self, graph: Graph, changed_sources: Collection[str]) -> None:
        self._upstream = {one.unique_id: one.upstream for one in (*graph.models, *graph.tests)}
        self._views = {model.unique_id for model in graph.models if model.materialized in ("view", "ephemeral")}
        self._always = {model.unique_id for model in graph.models if model.reads_clock}
        self._changed = set(changed_sources)

    def is_stale(self, unique_id: str) -> bool:
        """Whether a model or test has to run, asked after all that it reads is done."""
        return unique_id in self._always or any(self._has_changed(one) for one in self._upstream.get(unique_id, ()))

    def record(self, unique_id: str, rows_written: int | None) -> None:
        """A model has run.

        Args:
            unique_id: dbt's id.
            rows_written: inserted, updated and deleted; None where it is not known, which counts as a change.
        """
        if rows_written != 0:
            self._changed.add(unique_id)

    def _has_changed(self, unique_id: str) -> bool:
        return unique_id in self._changed or (unique_id in self._views and self.is_stale(unique_id))
