"""`/maps`: win rates of maps by side."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from serving.endpoints.fields import GAMES
from serving.web.declaration import Values, href
from serving.web.endpoint_reader import EndpointReader
from serving.web.formatting import game

__all__ = ["view"]

_GAMES_WITHOUT_MAPS = ("dota2",)


async def view(reader: EndpointReader, values: Values) -> dict[str, Any]:
    """The maps of one game with their sides, the most played first."""
    rows = (await reader.read("map_win_rates", values)).rows
    # The sides of a map are adjacent, because they have the same match share.
    return {
        "maps": [list(sides) for _, sides in groupby(rows, key=lambda row: row["map_id"])],
        "game_tabs": [
            (game(name), href("/maps", game=name), name == values["game"])
            for name in GAMES
            if name not in _GAMES_WITHOUT_MAPS
        ],
    }
