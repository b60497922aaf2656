"""The passes over FACEIT, in the order of a run, and its connection."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from ingestion.http.rate_limits import Clock, Limiter
from ingestion.http.refusals import Upstream
from ingestion.sources.faceit import competitions, matches, players
from ingestion.sources.faceit.names import identify, look_up
from ingestion.sources.faceit.rate_limits import SecondLimiter
from ingestion.sources.faceit.selection import KINDS
from ingestion.sources.faceit.source import SOURCE
from ingestion.sync.connector import Reader
from warehouse.core.settings import Settings

__all__ = ["PASSES", "READER"]

#: Costs next to nothing, and every key is answered.
_OPEN_PATH = "/rankings/games/cs2/regions/EU?limit=1"

PASSES = (
    players.PROFILES,
    players.HISTORY,
    players.STATISTICS,
    players.TOTALS,
    players.BANS,
    competitions.RANKINGS,
    matches.DETAILS,
    competitions.HUBS,
    competitions.CHAMPIONSHIPS,
    competitions.HUB_MEMBERS,
    matches.STATISTICS,
)


def _upstream(settings: Settings) -> Upstream:
    return Upstream("FACEIT", settings.faceit_url, settings.faceit_key, "LADDER_FACEIT", open_path=_OPEN_PATH)


def _limiter(database_url: str, upstream: Upstream, clock: Clock) -> AbstractAsyncContextManager[Limiter]:
    return SecondLimiter.opened(SOURCE.name, database_url, clock)


READER = Reader(
    source=SOURCE,
    passes=PASSES,
    kinds=KINDS,
    upstream=_upstream,
    limiter=_limiter,
    call_budget=lambda settings: settings.faceit_call_budget,
    identify=identify,
    probe=_OPEN_PATH,
    needs_key=True,
    look_up=look_up,
)
