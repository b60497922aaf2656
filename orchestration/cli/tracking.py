"""`ladder track` and `ladder untrack`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import typer

from ingestion.errors import (
    BlockedError,
    PermanentError,
    UnknownPlayer,
    UnusableResponse,
    WrongAddressError,
    WrongKeyError,
)
from ingestion.registry import connectors
from ingestion.sync.connector import SourceConnector
from ingestion.sync.identifiers import Nickname, SteamAccount, printable
from ingestion.sync.worlds import resolve_settings
from orchestration.cli.terminal import console, warn
from orchestration.warehouse_access import Warehouse, open_warehouse
from warehouse.core.errors import ConfigurationError, LadderError
from warehouse.core.settings import load_settings
from warehouse.database.connections import connect
from warehouse.ops import state

__all__ = ["track_entities", "untrack_entities"]


@dataclass
class _Parsed:
    """Parsed arguments: ids, names to be looked up by their text, and one line per invalid argument."""

    ids: list[str] = field(default_factory=list)
    lookups: dict[str, Nickname | SteamAccount] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, reader: SourceConnector, kind: str, text: str) -> None:
        """Parse one argument."""
        try:
            named = reader.parse_identifier(kind, text)
        except ConfigurationError as error:
            self.failures.append(str(error))
            return
        if isinstance(named, str):
            self.ids.append(named)
        else:
            self.lookups[text] = named


def track_entities(source: str, kind: str, texts: Sequence[str]) -> int:
    """Track entities. Each invalid argument is reported in one line, and the others are tracked.

    Args:
        source: name of the source.
        kind: kind of the entities.
        texts: ids, names or URLs.

    Returns:
        The exit code: 1 if an argument is not tracked.
    """
    settings, reader, parsed = load_settings(), _reader(source, kind), _Parsed()
    for text in texts:
        parsed.add(reader, kind, text)
    if parsed.ids or parsed.lookups:
        with open_warehouse(settings, redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
            _resolve(warehouse, reader, parsed)
            if parsed.ids:
                added = state.track(connection, source, kind, parsed.ids)
                total = len(state.tracked_entities(connection, source, kind))
                console.print(f"{added} added, {total} {kind}s tracked; `ladder run` syncs them")
                if not reader.is_readable(settings):
                    variable = f"{reader.upstream(settings).variable_prefix}_KEY"
                    console.print(f"hint: {source} requires a key; set {variable}")
    return _report(parsed)


def untrack_entities(source: str, kind: str, texts: Sequence[str]) -> int:
    """Stop tracking entities. Entities that are not tracked are ignored.

    Args:
        source: name of the source.
        kind: kind of the entities.
        texts: ids, names or URLs.

    Returns:
        The exit code: 1 if an argument is invalid, or could not be looked up.
    """
    settings, reader, parsed = load_settings(), _reader(source, kind), _Parsed()
    with open_warehouse(settings, redis=False) as warehouse, connect(warehouse.url("ingest")) as connection:
        tracked_entities = {entity.id for entity in state.tracked_entities(connection, source, kind)}
        for text in texts:
            # A tracked id is accepted even if it is not a valid id of the source.
            if text in tracked_entities:
                parsed.ids.append(text)
            else:
                parsed.add(reader, kind, text)
        _resolve(warehouse, reader, parsed)
        if parsed.ids:
            removed = state.untrack(connection, source, kind, parsed.ids)
            total = len(state.tracked_entities(connection, source, kind))
            console.print(f"{removed} removed, {total} {kind}s tracked; stored data stays")
    return _report(parsed)


def _reader(source: str, kind: str) -> SourceConnector:
    reader = connectors()[source]
    if kind not in reader.kinds:
        raise typer.BadParameter(f"{source} has no kind {kind}; choose from {', '.join(reader.kinds)}")
    return reader


def _resolve(warehouse: Warehouse, reader: SourceConnector, parsed: _Parsed) -> None:
    """Look up names at the source, and add their ids, or one line for each that was not found."""
    if not parsed.lookups:
        return
    try:
        reader.require_key(warehouse.settings)
        asyncio.run(_look_up(warehouse, reader, parsed))
    except LadderError as error:
        # A missing key, the network or the source itself: the error applies to all remaining names.
        parsed.failures.append(f"{', '.join(map(printable, parsed.lookups))}: not looked up: {error}")


async def _look_up(warehouse: Warehouse, reader: SourceConnector, parsed: _Parsed) -> None:
    assert reader.find_player is not None  # `identify` returns names only for sources that can look them up
    url, lake = warehouse.url("ingest"), warehouse.lake
    settings = await resolve_settings(reader, warehouse.settings, url, lake)
    async with reader.open_context(settings, url, lake) as context:
        for text, name in list(parsed.lookups.items()):
            try:
                found = await reader.find_player(context, name)
                parsed.ids.append(found.id)
                console.print(f"{printable(text)} is {printable(found.nickname)} ({found.id})")
            except (BlockedError, WrongAddressError, WrongKeyError):
                raise
            except (PermanentError, UnknownPlayer, UnusableResponse) as error:
                parsed.failures.append(f"{printable(text)}: {error}")
            del parsed.lookups[text]


def _report(parsed: _Parsed) -> int:
    """Print the failures, and return the exit code."""
    for line in parsed.failures:
        warn(line)
    return 1 if parsed.failures else 0
