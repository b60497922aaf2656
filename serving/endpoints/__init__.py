"""Every resource of the API, declared."""

from __future__ import annotations

from serving.endpoints import heroes, leaderboards, players
from serving.endpoints.declaration import Column, Endpoint, Page, Parameter, Permission, Value

__all__ = ["ENDPOINTS", "Column", "Endpoint", "Page", "Parameter", "Permission", "Value"]

ENDPOINTS: tuple[Endpoint, ...] = (*leaderboards.ENDPOINTS, *players.ENDPOINTS, *heroes.ENDPOINTS)
