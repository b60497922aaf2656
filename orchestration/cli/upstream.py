"""`ladder upstream`: addresses of the sources, and the world of the stored data."""

from __future__ import annotations

import asyncio

from ingestion.registry import connectors
from ingestion.sync.worlds import change_address, list_addresses
from orchestration.cli.terminal import console, table
from orchestration.warehouse_access import open_warehouse
from warehouse.core.settings import load_settings

__all__ = ["list_upstreams", "set_upstream"]


def list_upstreams() -> None:
    """Show the recorded world and the address of each source."""
    with open_warehouse(load_settings(), redis=False) as warehouse:
        world, found = list_addresses(connectors(), warehouse.settings, warehouse.url("ingest"), warehouse.lake)
    console.print(f"world: {world or 'not recorded yet; the first run records it'}")
    shown = table(["source", "address", "from"])
    for one in found:
        origins = {"variable": f"LADDER_{one.source.upper()}_URL", "set": "ladder upstream set", "default": "default"}
        shown.add_row(one.source, one.url, origins[one.origin])
    console.print(shown)


def set_upstream(source: str, url: str, *, is_real: bool) -> None:
    """Set the address of a source, in the world of the stored data.

    Raises:
        ConfigurationError: the address is invalid, or belongs to another world.
    """
    with open_warehouse(load_settings(), redis=False) as warehouse:
        login, lake = warehouse.url("ingest"), warehouse.lake
        reader = connectors()[source]
        world = asyncio.run(change_address(reader, warehouse.settings, url, login, lake, is_real=is_real))
    console.print(f"{source} is now requested at {url}; world: {world}")
