"""The endpoints of the API: declarations from which routes, validation, keys and documentation follow."""

from __future__ import annotations

from serving.endpoints import freshness, heroes, leaderboard_places, leaderboards, maps, players, search, teams
from serving.endpoints.declaration import Column, Endpoint, Pagination, Parameter, Permission, Value

__all__ = ["BY_NAME", "ENDPOINTS", "Column", "Endpoint", "Pagination", "Parameter", "Permission", "Value"]

ENDPOINTS: tuple[Endpoint, ...] = (
    *leaderboards.ENDPOINTS,
    *leaderboard_places.ENDPOINTS,
    *players.ENDPOINTS,
    *search.ENDPOINTS,
    *heroes.ENDPOINTS,
    *maps.ENDPOINTS,
    *teams.ENDPOINTS,
    *freshness.ENDPOINTS,
)
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
