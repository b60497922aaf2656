"""`/freshness`: age of the data by game."""

from __future__ import annotations

from typing import Any

from serving.web.declaration import Values
from serving.web.endpoint_reader import EndpointReader

__all__ = ["view"]


async def view(reader: EndpointReader, values: Values) -> dict[str, Any]:
    """The newest match and the number of players of each game."""
    return {"rows": (await reader.read("freshness")).rows}
