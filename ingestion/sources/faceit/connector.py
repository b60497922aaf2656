"""The connector of FACEIT: its streams in the order of a run, and its API."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from ingestion.http.rate_limits import Clock, Limiter
from ingestion.http.refusals import Upstream
from ingestion.sources.faceit import competitions, matches, players
from ingestion.sources.faceit.identifiers import find_player, parse_identifier
from ingestion.sources.faceit.rate_limits import PerSecondLimiter
from ingestion.sources.faceit.selection import KINDS
from ingestion.sources.faceit.source import SOURCE
from ingestion.sync.connector import SourceConnector
from warehouse.core.settings import Settings

__all__ = ["CONNECTOR", "STREAMS"]

#: A path with a small response, which every valid key may read.
_OPEN_PATH = "/rankings/games/cs2/regions/EU?limit=1"

STREAMS = (
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
    return PerSecondLimiter.connect(SOURCE.name, database_url, clock)


CONNECTOR = SourceConnector(
    source=SOURCE,
    streams=STREAMS,
    kinds=KINDS,
    upstream=_upstream,
    limiter=_limiter,
    call_budget=lambda settings: settings.faceit_call_budget,
    parse_identifier=parse_identifier,
    probe_path=_OPEN_PATH,
    requires_key=True,
    find_player=find_player,
)
