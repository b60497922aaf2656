"""Streams of unpaged lists (teams, leagues, hero statistics, constants) and of matches of tracked teams and leagues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from psycopg import sql

from ingestion.errors import NotFoundError
from ingestion.sources.opendota.selection import stalest_first
from ingestion.sources.opendota.source import CONSTANT_RESOURCES, SOURCE
from ingestion.sync.run import SyncRun
from ingestion.sync.selection import Selection, SelectionContext, WorkItem, is_due, least_recently_requested_first
from ingestion.sync.streams import Stream
from warehouse.model.source import CursorUpdate
from warehouse.ops.state import read_cursors

__all__ = ["CONSTANTS", "HERO_STATS", "LEAGUES", "LEAGUE_MATCHES", "TEAMS", "TEAM_MATCHES"]


def _catalogue_stream(name: str, every: timedelta, paths: Mapping[str, str]) -> Stream:
    """A stream of unpaged lists.

    Args:
        name: name of the stream and of its endpoint.
        every: interval of reading.
        paths: path by resource; the resource is empty for a single list.
    """

    def select(context: SelectionContext) -> Selection:
        known = read_cursors(context.connection, SOURCE.name, name)
        names = {resource: f"{name}/{resource}" if resource else name for resource in paths}
        items = [WorkItem(full, resource, known.get(full), (name,)) for resource, full in names.items()]
        due = [item for item in items if is_due(item.cursor, every, context.now)]
        return Selection(least_recently_requested_first(context, due), skipped=len(items) - len(due))

    async def fetch(run: SyncRun, item: WorkItem) -> None:
        params = {"resource": item.id} if item.id else {}
        page, parsed = run.parse(name, params, await run.get(paths[item.id]))
        await run.land(page, parsed, CursorUpdate(item.name, {}))

    return Stream(name, (name,), select, fetch)


def _matches_stream(kind: Literal["team", "league"], table: str, column: str) -> Stream:
    """A stream of the matches of tracked teams or leagues.

    The list of teams holds the best thousand, and the stored list of leagues may be a day old. So a tracked entity that
    is not in the list is requested by itself, which also shows whether it exists.
    """
    endpoint = f"{kind}_matches"

    def select(context: SelectionContext) -> Selection:
        selection = stalest_first(context, kind, f"{endpoint}/", endpoints=(endpoint,))
        query = sql.SQL("SELECT {column} FROM {table} WHERE {column} = ANY(%s::bigint[])").format(
            column=sql.Identifier(column), table=sql.Identifier("staging_opendota", table)
        )
        known = context.connection.execute(query, [[item.id for item in selection.items]])
        stored = {str(id_) for (id_,) in known}
        items = [item if item.id in stored else replace(item, endpoints=(kind, endpoint)) for item in selection.items]
        return replace(selection, items=items)

    async def fetch(run: SyncRun, item: WorkItem) -> None:
        if kind in item.endpoints:
            await _fetch_one(run, item, kind, f"/{table}/{item.segment}")
        page, parsed = run.parse(
            endpoint, {f"{kind}_id": int(item.id)}, await run.get(f"/{table}/{item.segment}/matches")
        )
        await run.land(page, parsed, CursorUpdate(f"{endpoint}/{item.id}", {}))

    return Stream(endpoint, (kind, endpoint), select, fetch, budget_share=0.3)


async def _fetch_one(run: SyncRun, item: WorkItem, kind: str, path: str) -> None:
    response = await run.get(path, may_be_empty=True)
    page, parsed = run.parse(kind, {}, response)
    if not parsed.rejects and not any(frame.height for frame in parsed.frames.values()):
        raise NotFoundError(f"OpenDota responded to {path} with an empty body", status=response.status)
    await run.land(page, parsed)


_DAILY = timedelta(days=1)

CONSTANTS = _catalogue_stream("constants", _DAILY, {name: f"/constants/{name}" for name in CONSTANT_RESOURCES})
LEAGUES = _catalogue_stream("leagues", _DAILY, {"": "/leagues"})
TEAMS = _catalogue_stream("teams", timedelta(hours=6), {"": "/teams"})
HERO_STATS = _catalogue_stream("hero_stats", timedelta(hours=1), {"": "/heroStats"})
TEAM_MATCHES = _matches_stream("team", "teams", "team_id")
LEAGUE_MATCHES = _matches_stream("league", "leagues", "leagueid")
