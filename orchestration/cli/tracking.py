"""`ladder track` and `ladder untrack`."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.cli.terminal import console
from orchestration.warehouse_access import open_warehouse
from warehouse import state
from warehouse.database import connect
from warehouse.errors import ConfigurationError
from warehouse.settings import load_settings

__all__ = ["track_ids", "untrack_ids"]

_LARGEST_ID = 2**63 - 1


def track_ids(source: str, kind: str, ids: Sequence[str]) -> None:
    """Begin to track things.

    Raises:
        ConfigurationError: something is no id of the source; nothing is tracked then.
    """
    for id_ in ids:
        if not (id_.isascii() and id_.isdecimal() and 0 < int(id_) <= _LARGEST_ID):
            raise ConfigurationError(
                f"{id_} is no {kind} id of {source}: ids are positive whole numbers",
                f"take the number at the end of the {kind}'s address on the source's web site",
            )
    with open_warehouse(load_settings(), redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
        added = state.track(connection, source, kind, [str(int(id_)) for id_ in ids])
        total = len(state.tracked(connection, source, kind))
    console.print(f"{added} added, {total} {kind}s tracked; `ladder run` fetches them", markup=False)


def untrack_ids(source: str, kind: str, ids: Sequence[str]) -> None:
    """Stop tracking things; an id that was not tracked is only counted."""
    with open_warehouse(load_settings(), redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
        removed = state.untrack(connection, source, kind, list(ids))
        total = len(state.tracked(connection, source, kind))
    console.print(f"{removed} removed, {total} {kind}s tracked; what is stored stays", markup=False)
