"""The sources there are. To add one, write its folder here and its asset module, and name it below."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.sync.connector import SourceConnector

__all__ = ["NAMES", "connectors"]

#: Names of the sources, in the order of a run: `ingestion.<name>`, `orchestration.assets.<name>`, `staging_<name>`.
NAMES = ("opendota", "faceit")


def connectors() -> dict[str, SourceConnector]:
    """Every source by name. Loads them, which takes a moment; their names alone are `NAMES`."""
    return {name: importlib.import_module(f"ingestion.sources.{name}.connector").CONNECTOR for name in NAMES}
