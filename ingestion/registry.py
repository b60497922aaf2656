"""The registry of sources. A new source needs a folder in `ingestion/sources`, an asset module, and its name here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.sync.connector import SourceConnector

__all__ = ["NAMES", "connectors"]

#: Names of the sources in the order of a run. A source's modules are `ingestion.sources.<name>` and
#: `orchestration.assets.<name>`, its schema is `staging_<name>`.
NAMES = ("opendota", "faceit")


def connectors() -> dict[str, SourceConnector]:
    """The connectors of all sources, by name. This imports them; use `NAMES` if the names are enough."""
    return {name: importlib.import_module(f"ingestion.sources.{name}.connector").CONNECTOR for name in NAMES}
