"""The passes over OpenDota, in the order of a run, and what they share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import psycopg

from ingestion.choices import Situation
from ingestion.http import Client, Patience, Upstream
from ingestion.limits import CallBudget, Clock, Limiter, SystemClock
from ingestion.opendota import catalogues, match_lists, matches, players
from ingestion.opendota.source import SOURCE
from ingestion.passes import Context, plan_pass
from ingestion.reports import PlannedPass
from warehouse.lake import Lake
from warehouse.settings import Settings

__all__ = ["PASSES", "open_context", "plan"]

#: In this order each pass finds what the ones before it landed and the caller loaded: load after each.
PASSES = (
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
    catalogues.TEAM_MATCHES,
    catalogues.LEAGUE_MATCHES,
    matches.DETAILS,
)


@asynccontextmanager
async def open_context(
    settings: Settings,
    database_url: str,
    lake: Lake,
    *,
    on_progress: Callable[[str, int, int], None] = lambda name, done, total: None,
    clock: Clock | None = None,
    patience: Patience | None = None,
) -> AsyncIterator[Context]:
    """What the passes of one run share: a client, its limits and the call budget.

    Args:
        settings: the configuration.
        database_url: a login that may read staging and write `ops` (`ladder_ingest`).
        lake: where pages land.
        on_progress: told the name of a pass, things read so far and things to read, after each thing.
        clock: time; the machine's by default.
        patience: timeouts and retries.
    """
    clock = clock or SystemClock()
    upstream = Upstream("OpenDota", settings.opendota_url, settings.opendota_key, "LADDER_OPENDOTA")
    limiter = Limiter(upstream.name, clock=clock)
    async with Client(upstream, limiter, clock, patience or Patience()) as client:
        yield Context(
            source=SOURCE,
            settings=settings,
            database_url=database_url,
            lake=lake,
            client=client,
            budget=CallBudget(settings.opendota_call_budget),
            clock=clock,
            on_progress=on_progress,
        )


def plan(connection: psycopg.Connection, settings: Settings, now: datetime) -> tuple[PlannedPass, ...]:
    """What each pass of a run would ask for now, by what is stored. Asks nothing.

    Args:
        connection: the warehouse, to read from.
        settings: the configuration.
        now: this moment, UTC.

    Raises:
        DatabaseError: the warehouse cannot be read.
    """
    situation = Situation(connection, settings, now)
    return tuple(plan_pass(situation, definition) for definition in PASSES)
