"""The sources there are. To add one, write its folder here and its asset module, and name it below."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.sync.connector import Reader

__all__ = ["NAMES", "readers"]

#: Names of the sources, in the order of a run: `ingestion.<name>`, `orchestration.assets.<name>`, `staging_<name>`.
NAMES = ("opendota", "faceit")


def readers() -> dict[str, Reader]:
    """Every source by name. Loads them, which takes a moment; their names alone are `NAMES`."""
    return {name: importlib.import_module(f"ingestion.sources.{name}.connector").READER for name in NAMES}
