"""`/boards/{board}`: who stands on a board, page by page."""

from __future__ import annotations

from typing import Any

from serving.errors import UnknownSubject
from serving.web import words
from serving.web.declaration import Values
from serving.web.reading import Reader

__all__ = ["view"]


async def view(reader: Reader, values: Values) -> dict[str, Any]:
    """One page of a board, and the boards beside it."""
    board = values["board"]
    found = await reader.together(
        boards=reader.read("leaderboards"),
        entries=reader.read("leaderboard_entries", {"board": board}, cursor=values["cursor"]),
    )
    boards = [row for row in found["boards"].rows if row["qualified"] or row["board"] == board]
    this = next((row for row in boards if row["board"] == board), None)
    if this is None:
        raise UnknownSubject("board")
    first_boards = {row["game"]: row["board"] for row in reversed(boards)}
    return {
        "board": this,
        "game_tabs": [
            (words.game(name), f"/boards/{first}", name == this["game"]) for name, first in sorted(first_boards.items())
        ],
        "board_tabs": [
            (words.board(row["board"]), f"/boards/{row['board']}", row is this)
            for row in boards
            if row["game"] == this["game"]
        ],
        "rows": found["entries"].rows,
        "following": found["entries"].following,
    }
