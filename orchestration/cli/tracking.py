"""`ladder track` and `ladder untrack`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import typer

from ingestion.reader import Reader
from ingestion.registry import readers
from orchestration.cli.terminal import console
from orchestration.warehouse_access import Warehouse, open_warehouse
from warehouse import state
from warehouse.database import connect
from warehouse.settings import load_settings

__all__ = ["track_ids", "untrack_ids"]


def track_ids(source: str, kind: str, ids: Sequence[str]) -> None:
    """Begin to track things.

    Raises:
        ConfigurationError: something is no id of the source; nothing is tracked then.
        UpstreamError: a name could not be looked up; nothing is tracked then.
    """
    reader = _reader(source, kind)
    known = [reader.identify(kind, id_) for id_ in ids]
    with open_warehouse(load_settings(), redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
        found = _looked_up(warehouse, reader, kind, dict(zip(ids, known, strict=True)))
        added = state.track(connection, source, kind, found)
        total = len(state.tracked(connection, source, kind))
    console.print(f"{added} added, {total} {kind}s tracked; `ladder run` fetches them", markup=False)
    if not reader.is_readable(load_settings()):
        console.print(f"hint: {source} needs a key to be asked; set {_key_variable(reader)}", markup=False)


def untrack_ids(source: str, kind: str, ids: Sequence[str]) -> None:
    """Stop tracking things; an id that was not tracked is only counted.

    Raises:
        ConfigurationError: a name cannot be looked up without a key.
        UpstreamError: a name could not be looked up; nothing is untracked then.
    """
    reader = _reader(source, kind)
    with open_warehouse(load_settings(), redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
        tracked = {thing.id for thing in state.tracked(connection, source, kind)}
        # What stands there is taken as it stands, even where it is no id of the source.
        known = {id_: id_ if id_ in tracked else reader.identify(kind, id_) for id_ in ids}
        removed = state.untrack(connection, source, kind, _looked_up(warehouse, reader, kind, known))
        total = len(state.tracked(connection, source, kind))
    console.print(f"{removed} removed, {total} {kind}s tracked; what is stored stays", markup=False)


def _reader(source: str, kind: str) -> Reader:
    reader = readers()[source]
    if kind not in reader.kinds:
        raise typer.BadParameter(f"{source} has no {kind}; choose from {', '.join(reader.kinds)}")
    return reader


def _looked_up(warehouse: Warehouse, reader: Reader, kind: str, ids: dict[str, str | None]) -> list[str]:
    """Ids, and in place of names the ids that the source tells."""
    if None not in ids.values():
        return [id_ for id_ in ids.values() if id_ is not None]
    reader.require_key(warehouse.settings)

    async def look_up() -> list[str]:
        assert reader.look_up is not None  # only a source with names takes anything for a name
        async with reader.open_context(warehouse.settings, warehouse.url("ingest"), warehouse.lake) as context:
            return [id_ or await reader.look_up(context, kind, name) for name, id_ in ids.items()]

    return asyncio.run(look_up())


def _key_variable(reader: Reader) -> str:
    return f"{reader.upstream(load_settings()).variables}_KEY"
