"""Declarations of all pages."""

from __future__ import annotations

from serving.endpoints import Parameter
from serving.endpoints.cursors import MAX_CURSOR_LENGTH
from serving.endpoints.fields import GAMES, ID, PLAYER
from serving.web.declaration import Page
from serving.web.views import freshness, heroes, leaderboards, maps, overview, players, search

__all__ = ["PAGES"]

_CURSOR = Parameter("cursor", str, "start of the page", pattern=f"^[A-Za-z0-9_-]{{1,{MAX_CURSOR_LENGTH}}}$")
_GAME = Parameter("game", str, "game", choices=GAMES)

PAGES: tuple[Page, ...] = (
    Page("overview", "/", overview.view, (_GAME,)),
    Page(
        "leaderboard",
        "/boards/{board}",
        leaderboards.view,
        (Parameter("board", str, "name of the leaderboard", in_path=True, pattern="^[a-z0-9_]{1,64}$"), _CURSOR),
    ),
    Page("player", "/players/{game}/{player_id}", players.player, PLAYER),
    Page("matches", "/players/{game}/{player_id}/matches", players.matches, (*PLAYER, _CURSOR)),
    Page(
        "heroes",
        "/heroes",
        heroes.heroes,
        (
            Parameter("window_days", int, "length of a window in days", default=7, choices=(7, 30)),
            Parameter("rank_bracket", str, "bracket of the matches", default="all", choices=("all", *heroes.BRACKETS)),
            Parameter("sort", str, "sort order of the list", default="change", choices=tuple(heroes.SORTS)),
        ),
    ),
    Page(
        "hero",
        "/heroes/{game}/{character_id}",
        heroes.hero,
        (
            Parameter("game", str, "game", in_path=True, choices=GAMES),
            Parameter("character_id", str, "id in the source", in_path=True, pattern=ID),
            Parameter("rank_bracket", str, "only this bracket", choices=heroes.BRACKETS),
        ),
    ),
    Page("maps", "/maps", maps.view, (Parameter("game", str, "game", default="cs2", choices=GAMES),)),
    Page(
        "search",
        "/search",
        search.view,
        (Parameter("prefix", str, "start of the name", pattern=r"^[^\x00-\x1f\x7f]{1,64}$"), _GAME),
        max_age_s=2 * 60,
    ),
    Page("freshness", "/freshness", freshness.view, has_live_age=True),
)
