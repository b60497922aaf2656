"""`ladder track` and `ladder untrack`."""

from __future__ import annotations

from collections.abc import Sequence

from ingestion.opendota.choices import is_id
from orchestration.cli.terminal import console
from orchestration.warehouse_access import open_warehouse
from warehouse import state
from warehouse.database import connect
from warehouse.errors import ConfigurationError
from warehouse.settings import load_settings

__all__ = ["track_ids", "untrack_ids"]

#: A Steam id of 64 bits is an account above this.
_STEAM_ID64_BASE = 76561197960265728


def track_ids(source: str, kind: str, ids: Sequence[str]) -> None:
    """Begin to track things.

    Raises:
        ConfigurationError: something is no id of the source; nothing is tracked then.
    """
    for id_ in ids:
        if is_id(kind, id_):
            continue
        hint = f"take the number at the end of the {kind}'s address on the source's web site"
        account = str(int(id_) - _STEAM_ID64_BASE) if id_.isdecimal() else ""
        if kind == "player" and is_id(kind, account):
            hint = f"this is a Steam id of 64 bits: track {account}"
        raise ConfigurationError(f"{id_} is no {kind} id of {source}: ids are positive whole numbers", hint)
    with open_warehouse(load_settings(), redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
        added = state.track(connection, source, kind, _plain(ids))
        total = len(state.tracked(connection, source, kind))
    console.print(f"{added} added, {total} {kind}s tracked; `ladder run` fetches them", markup=False)


def untrack_ids(source: str, kind: str, ids: Sequence[str]) -> None:
    """Stop tracking things; an id that was not tracked is only counted."""
    with open_warehouse(load_settings(), redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
        removed = state.untrack(connection, source, kind, _plain(ids))
        total = len(state.tracked(connection, source, kind))
    console.print(f"{removed} removed, {total} {kind}s tracked; what is stored stays", markup=False)


def _plain(ids: Sequence[str]) -> list[str]:
    """Numbers as the source writes them, whatever zeros they begin with."""
    return [str(int(id_)) if id_.isascii() and id_.isdecimal() else id_ for id_ in ids]
