"""Rankings of regions; tracked hubs and championships, with their matches and members."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from ingestion.sources.faceit.listing import Listing
from ingestion.sources.faceit.pagination import to_walk, walk
from ingestion.sources.faceit.selection import stalest_first
from ingestion.sources.faceit.source import MATCH_GAMES, RANKED_GAMES, SOURCE
from ingestion.sync.selection import Choice, Item, Situation, in_turn
from ingestion.sync.streams import PassDefinition, Run
from warehouse.ops.state import read_cursors

__all__ = ["CHAMPIONSHIPS", "HUBS", "HUB_MEMBERS", "RANKINGS"]

_RANKINGS_EVERY = timedelta(hours=6)
#: A hub has up to a hundred thousand members.
_MEMBERS_EVERY = timedelta(days=7)

_RANKING = Listing(
    "ranking",
    "ranking",
    path=lambda item: f"/rankings/games/{item.facts['game_id']}/regions/{item.facts['region']}",
    params=lambda item: {"game_id": item.facts["game_id"], "region": item.facts["region"]},
    query={},
    may_be_absent=True,
)
_MEMBERS = Listing(
    "hub_members",
    "hub_members",
    path=lambda item: f"/hubs/{item.segment}/members",
    params=lambda item: {"hub_id": item.id},
    query={},
    limit=50,
)


def _matches_of(kind: Literal["hub", "championship"], limit: int) -> Listing:
    return Listing(
        f"{kind}_matches",
        f"{kind}_matches",
        path=lambda item: f"/{kind}s/{item.segment}/matches",
        params=lambda item: {f"{kind}_id": item.id},
        query={"type": "past"},
        limit=limit,
        time_column="finished_at",
    )


def _choose_rankings(situation: Situation) -> Choice:
    """Rankings of the regions in the settings, in each game that has them."""
    if situation.settings.faceit_ranking_top == 0:
        return Choice([])
    known = read_cursors(situation.connection, SOURCE.name, "ranking/")
    items = [
        Item(
            f"ranking {game}/{region}",
            f"{game}/{region}",
            known.get(f"ranking/{game}/{region}"),
            ("ranking",),
            {"game_id": game, "region": region},
        )
        for game in RANKED_GAMES
        for region in situation.settings.faceit_ranking_regions.split(",")
        if region
    ]
    return to_walk(Choice(in_turn(situation, items)), situation.now, every=_RANKINGS_EVERY)


async def _fetch_ranking(run: Run, item: Item) -> None:
    await walk(run, item, _RANKING, top=run.context.settings.faceit_ranking_top)


def _choose_members(situation: Situation) -> Choice:
    choice = stalest_first(situation, "hub", "hub_members/", endpoints=("hub_members",))
    return to_walk(choice, situation.now, every=_MEMBERS_EVERY)


async def _fetch_members(run: Run, item: Item) -> None:
    await walk(run, item, _MEMBERS)


def _competition(kind: Literal["hub", "championship"], limit: int) -> PassDefinition:
    """A pass over tracked hubs or championships and their matches."""
    matches = _matches_of(kind, limit)

    def choose(situation: Situation) -> Choice:
        choice = stalest_first(situation, kind, f"{matches.cursor}/", endpoints=(kind, matches.endpoint))
        return to_walk(choice, situation.now)

    async def fetch(run: Run, item: Item) -> None:
        page, parsed = run.parse(kind, {}, await run.get(f"/{kind}s/{item.segment}"))
        await run.land(page, parsed)
        described = parsed.frames.get(f"{kind}s")
        games = [] if described is None else described["game_id"].drop_nulls().to_list()
        for game in games:
            if game not in MATCH_GAMES:
                run.notice(f"{item.name}: its game is {game}; matches are read of {' and '.join(MATCH_GAMES)} alone")
        await walk(run, item, matches)

    return PassDefinition(f"{kind}s", (kind, matches.endpoint), choose, fetch, share=0.3, tells_unknown=True)


RANKINGS = PassDefinition("rankings", ("ranking",), _choose_rankings, _fetch_ranking, share=0.3)
HUBS = _competition("hub", 50)
HUB_MEMBERS = PassDefinition("hub_members", ("hub_members",), _choose_members, _fetch_members, share=0.3)
CHAMPIONSHIPS = _competition("championship", 100)
