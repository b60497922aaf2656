"""Teams and leagues."""

from __future__ import annotations

from serving.endpoints.declaration import Column, Endpoint, Pagination, Parameter
from serving.endpoints.fields import GAME_FILTER, GAMES, ID, INTERVAL, RECORD, joined_columns, mart_columns

__all__ = ["ENDPOINTS"]

_TEAMS = "dim_teams"
_STANDINGS = "league_standings"
_GAME = Parameter("game", str, "game", in_path=True, choices=GAMES)
_TEAM = (_GAME, Parameter("team_id", str, "id in the source", in_path=True, pattern=ID))
(_TEAM_ID,) = mart_columns(_TEAMS, "team_id")
(_LEAGUE_ID,) = mart_columns(_STANDINGS, "league_id")
_STANDING, _PLACED_TEAM_ID = mart_columns(_STANDINGS, "standing", "team_id")
_STREAK = ("streak", "last_10_wins", "last_10_draws", "last_10_matches", "last_played_at")
_DESCRIBED = ("team_name", "tag", "logo_url", "rating", "wins", "losses")
# Listed teams have played, so this is never null.
_LAST_PLAYED = Column("last_played_at", "timestamp", "newest match, as reported by the source or known here")
_NEWEST = Column("last_played_at", "timestamp", "start of the newest match")

ENDPOINTS = (
    Endpoint(
        name="teams",
        path="/teams",
        summary="Teams with a match, the latest first",
        mart=_TEAMS,
        reads=(_TEAMS,),
        parameters=(GAME_FILTER,),
        columns=(*mart_columns(_TEAMS, "game", "team_id", *_DESCRIBED), _LAST_PLAYED),
        max_age_s=60 * 60,
        pagination=Pagination(keyset=(_LAST_PLAYED, _TEAM_ID), default=50, maximum=500),
    ),
    Endpoint(
        name="team",
        path="/teams/{game}/{team_id}",
        summary="A team's profile",
        mart=_TEAMS,
        reads=(_TEAMS,),
        parameters=_TEAM,
        columns=mart_columns(_TEAMS, "game", "team_id", *_DESCRIBED, "last_played_at"),
        max_age_s=60 * 60,
        is_list=False,
        subject="team",
    ),
    Endpoint(
        name="team_form",
        path="/teams/{game}/{team_id}/form",
        summary="A team's record, streak and last ten matches; null before its first known result",
        mart="team_form",
        reads=(_TEAMS, "team_form"),
        parameters=_TEAM,
        columns=(
            *mart_columns(_TEAMS, "game", "team_id", "team_name"),
            *joined_columns("team_form", *RECORD, *INTERVAL, *_STREAK),
        ),
        max_age_s=60 * 60,
        is_list=False,
        subject="team",
    ),
    Endpoint(
        name="leagues",
        path="/leagues",
        summary="Leagues with a known result, the latest first",
        mart=_STANDINGS,
        reads=(_STANDINGS,),
        parameters=(GAME_FILTER,),
        columns=(
            *mart_columns(_STANDINGS, "game", "league_id", "league_name"),
            Column("teams", "integer", "teams with a known result"),
            _NEWEST,
        ),
        max_age_s=60 * 60,
        pagination=Pagination(keyset=(_NEWEST, _LEAGUE_ID), default=50, maximum=500),
    ),
    Endpoint(
        name="league_standings",
        path="/leagues/{game}/{league_id}/standings",
        summary="Standings of a league, from the first place",
        mart=_STANDINGS,
        reads=(_STANDINGS,),
        parameters=(_GAME, Parameter("league_id", str, "id in the source", in_path=True, pattern=ID)),
        columns=mart_columns(_STANDINGS, "standing", "team_id", "team_name", *RECORD, "win_rate", *_STREAK),
        max_age_s=60 * 60,
        pagination=Pagination(keyset=(_STANDING, _PLACED_TEAM_ID), default=50, maximum=500),
        subject="league",
        exists_sql=(
            "SELECT EXISTS (SELECT FROM marts.league_standings WHERE game = %(game)s AND league_id = %(league_id)s)"
        ),
    ),
)
