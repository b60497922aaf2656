"""Maps over all players."""

from __future__ import annotations

from dataclasses import replace

from serving.endpoints.declaration import Endpoint
from serving.endpoints.fields import GAME_FILTER, INTERVAL, RECORD, joined_columns, mart_columns

__all__ = ["ENDPOINTS"]

ENDPOINTS = (
    Endpoint(
        name="map_win_rates",
        path="/maps/win-rates",
        summary="Maps by side, the most played first",
        mart="map_win_rates",
        reads=("dim_maps", "map_win_rates"),
        parameters=(replace(GAME_FILTER, default="cs2"),),
        columns=(
            *mart_columns("map_win_rates", "map_id"),
            *joined_columns("dim_maps", "map_name", "scenario"),
            *mart_columns("map_win_rates", "side", *RECORD, *INTERVAL, "match_share", "rounds_per_match"),
        ),
        max_age_s=30 * 60,
    ),
)
