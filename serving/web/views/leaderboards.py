"""`/boards/{board}`: the ranked players of a leaderboard, page by page."""

from __future__ import annotations

from typing import Any

from serving.errors import UnknownSubject
from serving.web import formatting
from serving.web.declaration import Values
from serving.web.endpoint_reader import EndpointReader

__all__ = ["view"]


async def view(reader: EndpointReader, values: Values) -> dict[str, Any]:
    """One page of a leaderboard, and links to the others."""
    board = values["board"]
    found = await reader.gather(
        leaderboards=reader.read("leaderboards"),
        entries=reader.read("leaderboard_entries", {"board": board}, cursor=values["cursor"]),
    )
    leaderboards = [row for row in found["leaderboards"].rows if row["qualified"] or row["board"] == board]
    selected = next((row for row in leaderboards if row["board"] == board), None)
    if selected is None:
        raise UnknownSubject("board")
    first_by_game = {row["game"]: row["board"] for row in reversed(leaderboards)}
    return {
        "leaderboard": selected,
        "game_tabs": [
            (formatting.game(name), f"/boards/{first}", name == selected["game"])
            for name, first in sorted(first_by_game.items())
        ],
        "leaderboard_tabs": [
            (formatting.leaderboard(row["board"]), f"/boards/{row['board']}", row is selected)
            for row in leaderboards
            if row["game"] == selected["game"]
        ],
        "rows": found["entries"].rows,
        "next_cursor": found["entries"].next_cursor,
    }
