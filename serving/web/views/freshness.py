"""`/freshness`: how old is what is shown here."""

from __future__ import annotations

from typing import Any

from serving.web.declaration import Values
from serving.web.endpoint_reader import EndpointReader

__all__ = ["view"]


async def view(reader: EndpointReader, values: Values) -> dict[str, Any]:
    """What each game's data reaches to."""
    return {"rows": (await reader.read("freshness")).rows}
