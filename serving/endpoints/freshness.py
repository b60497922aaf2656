"""Freshness of the data by game."""

from __future__ import annotations

from serving.endpoints.declaration import Column, Endpoint
from serving.endpoints.fields import mart_columns

__all__ = ["ENDPOINTS"]

ENDPOINTS = (
    Endpoint(
        name="freshness",
        path="/freshness",
        summary="Newest match and number of known and tracked players by game",
        mart="dim_players",
        reads=("dim_players",),
        parameters=(),
        columns=(
            *mart_columns("dim_players", "game"),
            Column("newest_match_at", "timestamp", "start of the newest match of a known player", nullable=True),
            Column("players", "integer", "players with any known data"),
            Column("tracked_players", "integer", "players whose whole history is ingested"),
        ),
        max_age_s=5 * 60,
    ),
)
