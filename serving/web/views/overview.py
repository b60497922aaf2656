"""`/`: top players of all leaderboards, heroes with the largest changes, freshness."""

from __future__ import annotations

from typing import Any

from serving.web.declaration import Values, href
from serving.web.endpoint_reader import EndpointReader, EndpointResult
from serving.web.formatting import game

__all__ = ["view"]

_TOP_ROWS = 5
_MOVERS = 5
_MIN_MATCHES = 10
"""Changes of heroes with fewer matches are not significant."""


async def view(reader: EndpointReader, values: Values) -> dict[str, Any]:
    """Leaderboards of one game or of all games."""
    found = await reader.gather(
        leaderboards=reader.read("leaderboards"),
        trends=reader.read("hero_meta_trends", {"window_days": 30}),
        freshness=reader.read("freshness"),
    )
    leaderboards = [row for row in found["leaderboards"].rows if row["qualified"]]
    games = list(dict.fromkeys(row["game"] for row in leaderboards))
    shown = [row for row in leaderboards if values["game"] in (None, row["game"])]
    top_rows = await reader.gather(
        **{row["board"]: reader.read("leaderboard_entries", {"board": row["board"]}, limit=_TOP_ROWS) for row in shown}
    )
    return {
        "game_tabs": [
            ("All games", "/", values["game"] is None),
            *((game(name), href("/", game=name), values["game"] == name) for name in games),
        ],
        "leaderboards": [{**row, "rows": top_rows[row["board"]].rows} for row in shown],
        "movers": _movers(found["trends"]),
        "freshness": found["freshness"].rows,
    }


def _movers(trends: EndpointResult) -> list[dict[str, Any]]:
    """Heroes with the largest rise or fall of their win rate, the rises first."""
    reliable = [row for row in trends.rows if min(row["matches"], row["matches_before"]) >= _MIN_MATCHES]
    moved = [row for row in reliable if row["win_rate_change"]]
    moved.sort(key=lambda row: row["win_rate_change"], reverse=True)
    rises = [row for row in moved[:_MOVERS] if row["win_rate_change"] > 0]
    return rises + [row for row in moved[-_MOVERS:] if row["win_rate_change"] < 0]
