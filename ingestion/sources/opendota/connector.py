"""The connector of OpenDota: its streams in the order of a run, and its API."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext

from ingestion.http.rate_limits import Clock, Limiter
from ingestion.http.refusals import Upstream
from ingestion.sources.opendota import catalogues, match_lists, matches, players
from ingestion.sources.opendota.rate_limits import PerMinuteLimiter
from ingestion.sources.opendota.selection import KINDS, parse_identifier
from ingestion.sources.opendota.source import SOURCE
from ingestion.sync.connector import SourceConnector
from warehouse.core.settings import Settings

__all__ = ["CONNECTOR", "STREAMS"]

#: A path with a small response, which requires no key.
_OPEN_PATH = "/constants/game_mode"

STREAMS = (
    catalogues.CONSTANTS,
    catalogues.HERO_STATS,
    catalogues.TEAMS,
    catalogues.LEAGUES,
    match_lists.PRO_MATCHES,
    match_lists.PUBLIC_MATCHES,
    players.PROFILES,
    players.MATCHES,
    players.RATINGS,
    players.HEROES,
    players.TOTALS,
    catalogues.TEAM_MATCHES,
    catalogues.LEAGUE_MATCHES,
    matches.DETAILS,
)


def _upstream(settings: Settings) -> Upstream:
    return Upstream("OpenDota", settings.opendota_url, settings.opendota_key, "LADDER_OPENDOTA", open_path=_OPEN_PATH)


def _limiter(database_url: str, upstream: Upstream, clock: Clock) -> AbstractAsyncContextManager[Limiter]:
    return nullcontext(PerMinuteLimiter(upstream.name, clock=clock))


CONNECTOR = SourceConnector(
    source=SOURCE,
    streams=STREAMS,
    kinds=KINDS,
    upstream=_upstream,
    limiter=_limiter,
    call_budget=lambda settings: settings.opendota_call_budget,
    parse_identifier=parse_identifier,
    probe_path=_OPEN_PATH,
)
