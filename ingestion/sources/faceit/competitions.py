"""Streams of rankings by region, and of tracked hubs and championships with their matches and members."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from ingestion.sources.faceit.list_endpoints import ListEndpoint
from ingestion.sources.faceit.pagination import paginate, select_due_lists
from ingestion.sources.faceit.selection import stalest_first
from ingestion.sources.faceit.source import MATCH_GAMES, RANKED_GAMES, SOURCE
from ingestion.sync.run import SyncRun
from ingestion.sync.selection import Selection, SelectionContext, WorkItem, least_recently_requested_first
from ingestion.sync.streams import Stream
from warehouse.ops.state import read_cursors

__all__ = ["CHAMPIONSHIPS", "HUBS", "HUB_MEMBERS", "RANKINGS"]

_RANKINGS_EVERY = timedelta(hours=6)
#: A hub has up to a hundred thousand members.
_MEMBERS_EVERY = timedelta(days=7)

_RANKING = ListEndpoint(
    "ranking",
    "ranking",
    path=lambda item: f"/rankings/games/{item.facts['game_id']}/regions/{item.facts['region']}",
    params=lambda item: {"game_id": item.facts["game_id"], "region": item.facts["region"]},
    query={},
    not_found_means_empty=True,
)
_MEMBERS = ListEndpoint(
    "hub_members",
    "hub_members",
    path=lambda item: f"/hubs/{item.segment}/members",
    params=lambda item: {"hub_id": item.id},
    query={},
    limit=50,
)


def _matches_list(kind: Literal["hub", "championship"], limit: int) -> ListEndpoint:
    return ListEndpoint(
        f"{kind}_matches",
        f"{kind}_matches",
        path=lambda item: f"/{kind}s/{item.segment}/matches",
        params=lambda item: {f"{kind}_id": item.id},
        query={"type": "past"},
        limit=limit,
        order_column="finished_at",
    )


def _select_rankings(context: SelectionContext) -> Selection:
    """Rankings of the regions in the settings, in each game that has them."""
    if context.settings.faceit_ranking_top == 0:
        return Selection([])
    known = read_cursors(context.connection, SOURCE.name, "ranking/")
    items = [
        WorkItem(
            f"ranking {game}/{region}",
            f"{game}/{region}",
            known.get(f"ranking/{game}/{region}"),
            ("ranking",),
            {"game_id": game, "region": region},
        )
        for game in RANKED_GAMES
        for region in context.settings.faceit_ranking_regions.split(",")
        if region
    ]
    return select_due_lists(
        Selection(least_recently_requested_first(context, items)), context.now, every=_RANKINGS_EVERY
    )


async def _fetch_ranking(run: SyncRun, item: WorkItem) -> None:
    await paginate(run, item, _RANKING, max_records=run.context.settings.faceit_ranking_top)


def _select_members(context: SelectionContext) -> Selection:
    selection = stalest_first(context, "hub", "hub_members/", endpoints=("hub_members",))
    return select_due_lists(selection, context.now, every=_MEMBERS_EVERY)


async def _fetch_members(run: SyncRun, item: WorkItem) -> None:
    await paginate(run, item, _MEMBERS)


def _competition_stream(kind: Literal["hub", "championship"], limit: int) -> Stream:
    """A stream of tracked hubs or championships and their matches."""
    matches = _matches_list(kind, limit)

    def select(context: SelectionContext) -> Selection:
        selection = stalest_first(context, kind, f"{matches.cursor}/", endpoints=(kind, matches.endpoint))
        return select_due_lists(selection, context.now)

    async def fetch(run: SyncRun, item: WorkItem) -> None:
        page, parsed = run.parse(kind, {}, await run.get(f"/{kind}s/{item.segment}"))
        await run.land(page, parsed)
        described = parsed.frames.get(f"{kind}s")
        games = [] if described is None else described["game_id"].drop_nulls().to_list()
        for game in games:
            if game not in MATCH_GAMES:
                run.add_notice(f"{item.name}: its game is {game}; only matches of {' and '.join(MATCH_GAMES)} are read")
        await paginate(run, item, matches)

    return Stream(
        f"{kind}s", (kind, matches.endpoint), select, fetch, budget_share=0.3, not_found_means_unknown_id=True
    )


RANKINGS = Stream("rankings", ("ranking",), _select_rankings, _fetch_ranking, budget_share=0.3)
HUBS = _competition_stream("hub", 50)
HUB_MEMBERS = Stream("hub_members", ("hub_members",), _select_members, _fetch_members, budget_share=0.3)
CHAMPIONSHIPS = _competition_stream("championship", 100)
