"""`/search`: players by the start of their name."""

from __future__ import annotations

from typing import Any

from serving.web.declaration import Values
from serving.web.endpoint_reader import EndpointReader

__all__ = ["view"]


async def view(reader: EndpointReader, values: Values) -> dict[str, Any]:
    """The matching players; None before a search."""
    if values["prefix"] is None:
        return {"rows": None}
    return {"rows": (await reader.read("player_search", values)).rows}
