"""How fresh the data is."""

from __future__ import annotations

from serving.endpoints.declaration import Column, Endpoint
from serving.endpoints.fields import mart_columns

__all__ = ["ENDPOINTS"]

ENDPOINTS = (
    Endpoint(
        name="freshness",
        path="/freshness",
        summary="The newest match of each game, and how many players are known and tracked",
        mart="dim_players",
        reads=("dim_players",),
        parameters=(),
        columns=(
            *mart_columns("dim_players", "game"),
            Column("newest_match_at", "timestamp", "start of the newest match of a known player", nullable=True),
            Column("players", "integer", "players of whom anything is known"),
            Column("tracked_players", "integer", "players whose whole history is ingested"),
        ),
        max_age_s=5 * 60,
    ),
)
