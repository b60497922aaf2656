"""Lists that are read whole (teams, leagues, hero statistics, constants); matches of tracked teams and leagues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from psycopg import sql

from ingestion.errors import NotFoundError
from ingestion.sources.opendota.selection import stalest_first
from ingestion.sources.opendota.source import CONSTANT_RESOURCES, SOURCE
from ingestion.sync.selection import Choice, Item, Situation, in_turn, is_due
from ingestion.sync.streams import PassDefinition, Run
from warehouse.model.source import CursorUpdate
from warehouse.ops.state import read_cursors

__all__ = ["CONSTANTS", "HERO_STATS", "LEAGUES", "LEAGUE_MATCHES", "TEAMS", "TEAM_MATCHES"]


def _catalogue(name: str, every: timedelta, paths: Mapping[str, str]) -> PassDefinition:
    """A pass over lists that are read whole.

    Args:
        name: name of the pass and of its endpoint.
        every: how often they are read.
        paths: path by resource; the resource is empty where there is one list only.
    """

    def choose(situation: Situation) -> Choice:
        known = read_cursors(situation.connection, SOURCE.name, name)
        names = {resource: f"{name}/{resource}" if resource else name for resource in paths}
        items = [Item(full, resource, known.get(full), (name,)) for resource, full in names.items()]
        due = [item for item in items if is_due(item.cursor, every, situation.now)]
        return Choice(in_turn(situation, due), skipped=len(items) - len(due))

    async def fetch(run: Run, item: Item) -> None:
        params = {"resource": item.id} if item.id else {}
        page, parsed = run.parse(name, params, await run.get(paths[item.id]))
        await run.land(page, parsed, CursorUpdate(item.name, {}))

    return PassDefinition(name, (name,), choose, fetch)


def _matches_of(kind: Literal["team", "league"], table: str, column: str) -> PassDefinition:
    """A pass over the matches of tracked teams or leagues.

    The list of teams holds the best thousand, and that of leagues may be a day old: what is tracked and not in it
    is read by itself, which also tells whether it exists.
    """
    endpoint = f"{kind}_matches"

    def choose(situation: Situation) -> Choice:
        choice = stalest_first(situation, kind, f"{endpoint}/", endpoints=(endpoint,))
        query = sql.SQL("SELECT {column} FROM {table} WHERE {column} = ANY(%s::bigint[])").format(
            column=sql.Identifier(column), table=sql.Identifier("staging_opendota", table)
        )
        known = situation.connection.execute(query, [[item.id for item in choice.items]])
        stored = {str(id_) for (id_,) in known}
        items = [item if item.id in stored else replace(item, endpoints=(kind, endpoint)) for item in choice.items]
        return replace(choice, items=items)

    async def fetch(run: Run, item: Item) -> None:
        if kind in item.endpoints:
            await _fetch_one(run, item, kind, f"/{table}/{item.segment}")
        page, parsed = run.parse(
            endpoint, {f"{kind}_id": int(item.id)}, await run.get(f"/{table}/{item.segment}/matches")
        )
        await run.land(page, parsed, CursorUpdate(f"{endpoint}/{item.id}", {}))

    return PassDefinition(endpoint, (kind, endpoint), choose, fetch, share=0.3)


async def _fetch_one(run: Run, item: Item, kind: str, path: str) -> None:
    answer = await run.get(path, may_be_empty=True)
    page, parsed = run.parse(kind, {}, answer)
    if not parsed.rejects and not any(frame.height for frame in parsed.frames.values()):
        raise NotFoundError(f"OpenDota answered {path} with nothing", status=answer.status)
    await run.land(page, parsed)


_DAILY = timedelta(days=1)

CONSTANTS = _catalogue("constants", _DAILY, {name: f"/constants/{name}" for name in CONSTANT_RESOURCES})
LEAGUES = _catalogue("leagues", _DAILY, {"": "/leagues"})
TEAMS = _catalogue("teams", timedelta(hours=6), {"": "/teams"})
HERO_STATS = _catalogue("hero_stats", timedelta(hours=1), {"": "/heroStats"})
TEAM_MATCHES = _matches_of("team", "teams", "team_id")
LEAGUE_MATCHES = _matches_of("league", "leagues", "leagueid")
