"""`ladder track` and `ladder untrack`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import typer

from ingestion.errors import (
    BlockedError,
    PermanentError,
    UnknownName,
    UnusableAnswer,
    WrongAddressError,
    WrongKeyError,
)
from ingestion.registry import readers
from ingestion.sync.connector import Reader
from ingestion.sync.pasted import Nickname, SteamAccount, printable
from ingestion.sync.worlds import settled
from orchestration.cli.terminal import console, warn
from orchestration.warehouse_access import Warehouse, open_warehouse
from warehouse.core.errors import ConfigurationError, LadderError
from warehouse.core.settings import load_settings
from warehouse.database.connections import connect
from warehouse.ops import state

__all__ = ["track_entities", "untrack_entities"]


@dataclass
class _Read:
    """What was typed or pasted, and what became of it: ids, things to look up, and lines on what is neither."""

    ids: list[str] = field(default_factory=list)
    wanted: dict[str, Nickname | SteamAccount] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, reader: Reader, kind: str, text: str) -> None:
        """Read one text."""
        try:
            named = reader.identify(kind, text)
        except ConfigurationError as error:
            self.failures.append(str(error))
            return
        if isinstance(named, str):
            self.ids.append(named)
        else:
            self.wanted[text] = named


def track_entities(source: str, kind: str, texts: Sequence[str]) -> int:
    """Begin to track things; what cannot be is named on a line of its own, and the rest is tracked.

    Args:
        source: name of the source.
        kind: what the texts belong to.
        texts: ids, names or addresses.

    Returns:
        The exit code: 1 when something is not tracked.
    """
    settings, reader, read = load_settings(), _reader(source, kind), _Read()
    for text in texts:
        read.add(reader, kind, text)
    if read.ids or read.wanted:
        with open_warehouse(settings, redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
            _look_up(warehouse, reader, read)
            if read.ids:
                added = state.track(connection, source, kind, read.ids)
                total = len(state.tracked(connection, source, kind))
                console.print(f"{added} added, {total} {kind}s tracked; `ladder run` fetches them")
                if not reader.is_readable(settings):
                    variable = f"{reader.upstream(settings).variables}_KEY"
                    console.print(f"hint: {source} answers with a key alone; set {variable}")
    return _report(read)


def untrack_entities(source: str, kind: str, texts: Sequence[str]) -> int:
    """Stop tracking things; one that was not tracked is only counted.

    Args:
        source: name of the source.
        kind: what the texts belong to.
        texts: ids, names or addresses.

    Returns:
        The exit code: 1 when a text names nothing that could be tracked, or could not be looked up.
    """
    settings, reader, read = load_settings(), _reader(source, kind), _Read()
    with open_warehouse(settings, redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
        tracked = {thing.id for thing in state.tracked(connection, source, kind)}
        for text in texts:
            # An id that is tracked is taken as it is, even where it is no id of the source.
            if text in tracked:
                read.ids.append(text)
            else:
                read.add(reader, kind, text)
        _look_up(warehouse, reader, read)
        if read.ids:
            removed = state.untrack(connection, source, kind, read.ids)
            total = len(state.tracked(connection, source, kind))
            console.print(f"{removed} removed, {total} {kind}s tracked; what is stored stays")
    return _report(read)


def _reader(source: str, kind: str) -> Reader:
    reader = readers()[source]
    if kind not in reader.kinds:
        raise typer.BadParameter(f"{source} has no {kind}; choose from {', '.join(reader.kinds)}")
    return reader


def _look_up(warehouse: Warehouse, reader: Reader, read: _Read) -> None:
    """Add the ids of what has to be looked up, and a line for each that was not found."""
    if not read.wanted:
        return
    try:
        reader.require_key(warehouse.settings)
        asyncio.run(_ask(warehouse, reader, read))
    except LadderError as error:
        # It concerns all that are left, be it a key, the network or the source itself.
        read.failures.append(f"{', '.join(map(printable, read.wanted))}: not looked up: {error}")


async def _ask(warehouse: Warehouse, reader: Reader, read: _Read) -> None:
    assert reader.look_up is not None  # only a source with names takes anything for a name
    url, lake = warehouse.url("ingest"), warehouse.lake
    settings = await settled(reader, warehouse.settings, url, lake)
    async with reader.open_context(settings, url, lake) as context:
        for text, wanted in list(read.wanted.items()):
            try:
                found = await reader.look_up(context, wanted)
                read.ids.append(found.id)
                console.print(f"{printable(text)} is {printable(found.nickname)} ({found.id})")
            except (BlockedError, WrongAddressError, WrongKeyError):
                raise
            except (PermanentError, UnknownName, UnusableAnswer) as error:
                read.failures.append(f"{printable(text)}: {error}")
            del read.wanted[text]


def _report(read: _Read) -> int:
    for line in read.failures:
        warn(line)
    return 1 if read.failures else 0
