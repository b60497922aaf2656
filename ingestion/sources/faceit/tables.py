"""The staging tables of FACEIT: `staging_faceit.*`, with the names and types of the source.

Statistics are objects whose values are text and whose names differ by era; they are stored as such objects.
"""

from __future__ import annotations

from warehouse.model.tables import Column, ColumnType, DocumentField, Privacy, Table, TimestampFormat, document_fields

__all__ = [
    "CHAMPIONSHIPS",
    "HISTORY_MATCHES",
    "HISTORY_PLAYERS",
    "HUBS",
    "HUB_MEMBERS",
    "MATCHES",
    "MATCH_ABSENCES",
    "MATCH_FACTIONS",
    "MATCH_ROSTERS",
    "MATCH_ROUNDS",
    "MATCH_ROUND_PLAYERS",
    "MATCH_ROUND_TEAMS",
    "PLAYERS",
    "PLAYER_BANS",
    "PLAYER_ELOS",
    "PLAYER_GAMES",
    "PLAYER_MATCH_STATS",
    "PLAYER_SEGMENTS",
    "PLAYER_STATS",
    "RANKINGS",
]

SOURCE = "faceit"

#: Seconds and milliseconds since 1970; FACEIT was founded in 2011.
_SECONDS = TimestampFormat(units_per_second=1, min_time=1_293_840_000)
_MILLISECONDS = TimestampFormat(units_per_second=1000, min_time=1_293_840_000)


def _columns(type_: ColumnType, **descriptions: str) -> tuple[Column, ...]:
    return tuple(Column(name, type_, text) for name, text in descriptions.items())


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _ids(**descriptions: str) -> tuple[Column, ...]:
    return tuple(Column(name, "text", text, is_identifier=True) for name, text in descriptions.items())


def _times(**descriptions: str) -> tuple[Column, ...]:
    return tuple(Column(name, "bigint", text, time=_SECONDS) for name, text in descriptions.items())


def _statistics(name: str, description: str, read: tuple[DocumentField, ...], *, is_personal: bool = False) -> Column:
    """Statistics as sent, numbers as text."""
    privacy: Privacy = "pseudonymous" if is_personal else "public"
    return Column(name, "jsonb", description, is_lenient=True, document_fields=read, privacy=privacy)


def _personal(name: str, description: str, type_: ColumnType = "text") -> Column:
    return Column(name, type_, description, privacy="pseudonymous")


def _personal_id(name: str, description: str) -> Column:
    return Column(name, "text", description, is_identifier=True, privacy="pseudonymous")


_PLAYER = _personal_id("player_id", "FACEIT's id of the player")
_NICKNAME = _personal("nickname", "name shown on FACEIT at the time")
_GAME_ACCOUNT = (
    _personal_id("game_player_id", "account in the game: Steam id (64 bit) for cs2, `[U:1:n]` for dota2"),
    _personal("game_player_name", "name in the game"),
)
_MATCH = Column("match_id", "text", "match, or series of maps")
_ROUND = Column("match_round", "integer", "map within the match, from 1", is_lenient=True)
_COMPETITION = (
    *_ids(competition_id="queue, hub or championship that the match belongs to"),
    *_columns(
        "text",
        competition_name="its name",
        competition_type="`matchmaking`, `hub`, `championship`, ...",
        organizer_id="organizer",
    ),
)

_SCORE = Column(
    "score",
    "jsonb",
    "maps or rounds won by faction",
    ("results", "score"),
    is_lenient=True,
    document_fields=document_fields("integer", "faction1", "faction2"),
)

#: Statistics of a player on a map, in both endpoints that have them.
_PLAYED = (
    *document_fields("integer", "Kills", "Deaths", "Assists", "MVPs", "Headshots", "Damage"),
    *document_fields("integer", "Double Kills", "Triple Kills", "Quadro Kills", "Penta Kills"),
    *document_fields("double precision", "ADR"),
)

_WINNER = Column(
    "winner",
    "text",
    "`faction1`, `faction2`, or empty",
    ("results", "winner"),
    decides_result=True,
    accepted_values=frozenset(("faction1", "faction2", "")),
)

PLAYERS = Table(
    SOURCE,
    "players",
    key=("player_id",),
    description="One row per player: the profile as last seen.",
    columns=(
        _PLAYER,
        _NICKNAME,
        Column("country", "text", "country, ISO 3166-1 alpha-2, lower case"),
        _personal("avatar", "URL of the avatar; empty when none"),
        _personal_id("steam_id_64", "Steam id (64 bit)"),
        _personal_id("new_steam_id", "the same as `[U:1:n]`"),
        _personal("steam_nickname", "name on Steam"),
        Column("verified", "boolean", "a verified player"),
        Column("activated_at", "text", "when the account was made, ISO 8601"),
    ),
    ignored=_names(
        "games friends_ids settings faceit_url cover_image cover_featured_image membership_type membership memberships "
        "bans infractions platforms user_type"
    ),
)

PLAYER_GAMES = Table(
    SOURCE,
    "player_games",
    key=("player_id", "game"),
    indexes=(("game_player_id",),),
    description="One row per player and game of the profile: the account in the game, as last seen.",
    columns=(
        _PLAYER,
        Column("game", "text", "game, as FACEIT names it"),
        *_GAME_ACCOUNT,
        Column("region", "text", "region played in"),
    ),
    ignored=_names("faceit_elo skill_level skill_level_label regions game_profile_id"),
)

PLAYER_ELOS = Table(
    SOURCE,
    "player_elos",
    key=("player_id", "game", "observed_at"),
    description="One row per player, game and observation: elo and level as a profile or a ranking showed them then.",
    columns=(
        _PLAYER,
        Column("game", "text", "game, as FACEIT names it"),
        Column("observed_at", "text", "when it was fetched, ISO 8601 in UTC", from_request=True),
        Column("seen_in", "text", "`profile` or `ranking`", from_request=True),
        Column("region", "text", "region played in"),
        Column(
            "faceit_elo",
            "integer",
            "rating; 0 or missing where there is none",
            is_lenient=True,
            decides_result=True,
        ),
        Column("skill_level", "integer", "level 1 to 10", is_lenient=True),
        Column("position", "integer", "place in the region's ranking, where a ranking showed it"),
    ),
    ignored=_names(
        "game_player_id game_player_name skill_level_label regions game_profile_id nickname country game_skill_level"
    ),
)

HISTORY_MATCHES = Table(
    SOURCE,
    "history_matches",
    key=("match_id",),
    description="One row per match of the histories of tracked players.",
    columns=(
        _MATCH,
        *_columns(
            "text",
            game_id="game, as FACEIT names it",
            region="region",
            match_type="kind of match; empty in most",
            game_mode="`5v5`, ...",
            status="`finished`, `cancelled`, ...; case differs by endpoint",
        ),
        *_columns("integer", max_players="places in the match", teams_size="places in a team"),
        *_COMPETITION,
        Column("playing_players", "jsonb", "ids of the players who took part", privacy="pseudonymous"),
        Column("started_at", "bigint", "start, seconds since 1970 UTC; missing when cancelled", time=_SECONDS),
        Column("finished_at", "bigint", "end, seconds since 1970 UTC", time=_SECONDS),
        _WINNER,
        _SCORE,
    ),
    ignored=_names("teams results faceit_url"),
)

HISTORY_PLAYERS = Table(
    SOURCE,
    "history_players",
    key=("match_id", "player_id"),
    indexes=(("player_id",),),
    description="One row per match and player of the histories of tracked players.",
    columns=(
        _MATCH,
        _PLAYER,
        Column("faction", "text", "`faction1` or `faction2`"),
        _personal_id("team_id", "the faction's id: a premade team, or its captain"),
        _personal("team_nickname", "the faction's name at the time: that of a premade team, or its captain"),
        _NICKNAME,
        *_GAME_ACCOUNT,
        Column("skill_level", "integer", "level at the time of the match", is_lenient=True),
    ),
    ignored=_names("avatar faceit_url"),
)

PLAYER_MATCH_STATS = Table(
    SOURCE,
    "player_match_stats",
    key=("match_id", "match_round", "player_id"),
    indexes=(("player_id",),),
    description="One row per match, map and tracked player: the statistics of the player's list by game.",
    columns=(
        _MATCH,
        _ROUND,
        _PLAYER,
        Column("game", "text", "game, as FACEIT names it"),
        Column(
            "finished_at",
            "bigint",
            "end, milliseconds since 1970 UTC; where the source sends none, when the record was made",
            time=_MILLISECONDS,
        ),
        _statistics(
            "stats",
            "statistics as sent, values as text; names the player, and each team or its captain",
            (*_PLAYED, *document_fields("integer", "Best Of", "Rounds", "Final Score")),
            is_personal=True,
        ),
    ),
)

MATCHES = Table(
    SOURCE,
    "matches",
    key=("match_id",),
    description="One row per match whose details were fetched, alone or in the list of a hub or championship.",
    columns=(
        _MATCH,
        *_columns(
            "text",
            game="game, as FACEIT names it",
            region="region",
            status="`FINISHED`, `CANCELLED`, ...; case differs by endpoint",
        ),
        *_COMPETITION,
        Column("version", "integer", "version of the record"),
        Column("best_of", "integer", "most maps played", is_lenient=True),
        Column("calculate_elo", "boolean", "the match counts for elo"),
        Column("scheduled_at", "bigint", "scheduled start, seconds since 1970 UTC"),
        *_times(
            configured_at="when the server was set up, seconds since 1970 UTC",
            started_at="start, seconds since 1970 UTC; missing when cancelled",
            finished_at="end, seconds since 1970 UTC",
        ),
        _WINNER,
        _SCORE,
        Column(
            "detailed_results",
            "jsonb",
            "winner and score of each map",
            is_lenient=True,
            document_fields=document_fields("integer", "[].factions.faction1.score", "[].factions.faction2.score"),
        ),
        Column("map_pick", "jsonb", "maps that were voted for", ("voting", "map", "pick")),
        Column(
            "map_entities", "jsonb", "maps that could be voted for: id, class and name", ("voting", "map", "entities")
        ),
        Column("location_pick", "jsonb", "locations that were voted for", ("voting", "location", "pick")),
        Column("demo_url", "jsonb", "URLs of the recordings"),
    ),
    ignored=_names("teams results voting chat_room_id round group faceit_url broadcast_start_time instances"),
)

MATCH_FACTIONS = Table(
    SOURCE,
    "match_factions",
    key=("match_id", "faction"),
    description="One row per match and side whose details were fetched.",
    columns=(
        _MATCH,
        Column("faction", "text", "`faction1` or `faction2`"),
        _personal_id("faction_id", "a premade team, or its captain, or `bye`"),
        _personal_id("leader", "leader of the side"),
        _personal("name", "name at the time: that of a premade team, or its captain"),
        Column("type", "text", "`premade`, or empty"),
        Column("substituted", "boolean", "a player was substituted"),
    ),
    ignored=_names("roster substitutes avatar stats team_id nickname"),
)

MATCH_ROSTERS = Table(
    SOURCE,
    "match_rosters",
    key=("match_id", "player_id"),
    indexes=(("player_id",),),
    description="One row per match and player of its rosters, substitutes included.",
    columns=(
        _MATCH,
        _PLAYER,
        Column("faction", "text", "`faction1` or `faction2`"),
        Column("is_substitute", "boolean", "named as a substitute"),
        Column("playing", "boolean", "played; only in some matches with substitutes"),
        _NICKNAME,
        Column("membership", "text", "membership at the time"),
        *_GAME_ACCOUNT,
        Column("game_skill_level", "integer", "level at the time of the match", is_lenient=True),
    ),
    ignored=_names("avatar anticheat_required"),
)

MATCH_ABSENCES = Table(
    SOURCE,
    "match_absences",
    key=("match_id", "part"),
    description="One row per match and part that was requested and is not known to FACEIT (404).",
    columns=(
        Column("match_id", "text", "match", from_request=True),
        Column("part", "text", "`match` or `stats`", from_request=True),
        Column("error", "text", "error message of the response"),
    ),
)

MATCH_ROUNDS = Table(
    SOURCE,
    "match_rounds",
    key=("match_id", "match_round"),
    description="One row per map of a match whose statistics were fetched.",
    columns=(
        _MATCH,
        _ROUND,
        *_columns(
            "text", game_id="game, as FACEIT names it", game_mode="`5v5`, ...", competition_id="queue or championship"
        ),
        Column("best_of", "integer", "most maps played", is_lenient=True),
        Column("played", "integer", "1 when it was played", is_lenient=True),
        _statistics(
            "round_stats",
            "statistics as sent: map, region, score, rounds, winner (team, or its captain)",
            document_fields("integer", "Rounds"),
            is_personal=True,
        ),
    ),
    ignored=_names("teams"),
)

MATCH_ROUND_TEAMS = Table(
    SOURCE,
    "match_round_teams",
    key=("match_id", "match_round", "team_id"),
    description="One row per map of a match and side.",
    columns=(
        _MATCH,
        _ROUND,
        _personal_id("team_id", "a premade team, or its captain"),
        Column("premade", "boolean", "a premade team"),
        _statistics(
            "team_stats",
            "statistics as sent, values as text; names the team, or its captain",
            document_fields("integer", "Final Score"),
            is_personal=True,
        ),
    ),
    ignored=_names("players"),
)

MATCH_ROUND_PLAYERS = Table(
    SOURCE,
    "match_round_players",
    key=("match_id", "match_round", "player_id"),
    indexes=(("player_id",),),
    description="One row per map of a match and player.",
    columns=(
        _MATCH,
        _ROUND,
        _PLAYER,
        _personal_id("team_id", "a premade team, or its captain"),
        _NICKNAME,
        _statistics(
            "player_stats",
            "statistics as sent, values as text",
            (
                *_PLAYED,
                *document_fields("integer", "First Kills", "Entry Count", "Entry Wins", "Clutch Kills"),
                *document_fields("integer", "1v1Count", "1v1Wins", "1v2Count", "1v2Wins"),
                *document_fields("integer", "Sniper Kills", "Pistol Kills", "Knife Kills", "Zeus Kills"),
                *document_fields("integer", "Utility Count", "Utility Successes", "Utility Enemies", "Utility Damage"),
                *document_fields("integer", "Flash Count", "Flash Successes", "Enemies Flashed"),
            ),
        ),
    ),
)

PLAYER_STATS = Table(
    SOURCE,
    "player_stats",
    key=("player_id", "game_id"),
    description="One row per player and game: FACEIT's own lifetime totals, a cross-check for ours.",
    columns=(
        _PLAYER,
        Column("game_id", "text", "game, as FACEIT names it"),
        Column("lifetime", "jsonb", "statistics as sent; `K/D Ratio` is a sum over matches"),
    ),
    ignored=_names("segments"),
)

PLAYER_SEGMENTS = Table(
    SOURCE,
    "player_segments",
    key=("player_id", "game_id", "type", "mode", "label"),
    description="One row per player, game and segment (a map in a mode): FACEIT's own totals.",
    columns=(
        _PLAYER,
        *_columns(
            "text",
            game_id="game, as FACEIT names it",
            type="`Map`, ...",
            mode="`5v5`, ...",
            label="name of the map, `Inferno` or `de_inferno` by era",
        ),
        _statistics(
            "stats",
            "statistics as sent, values as text",
            (
                *document_fields(
                    "integer", "Matches", "Wins", "Rounds", "Kills", "Deaths", "Assists", "MVPs", "Headshots"
                ),
                *document_fields("integer", "Triple Kills", "Quadro Kills", "Penta Kills"),
                *document_fields("double precision", "Win Rate %", "Average K/D Ratio", "Average K/R Ratio"),
                *document_fields(
                    "double precision", "Average Headshots %", "K/D Ratio", "K/R Ratio", "Total Headshots %", "ADR"
                ),
            ),
        ),
    ),
    ignored=_names("img_small img_regular"),
)

PLAYER_BANS = Table(
    SOURCE,
    "player_bans",
    key=("user_id", "type", "starts_at"),
    description="One row per ban of a tracked player.",
    columns=(
        _personal_id("user_id", "FACEIT's id of the player"),
        *_columns(
            "text",
            type="what is banned",
            starts_at="beginning, ISO 8601",
            ends_at="end, ISO 8601; empty when it has none",
            game="game, as FACEIT names it; empty for all",
            reason="why",
        ),
        _NICKNAME,
    ),
)

RANKINGS = Table(
    SOURCE,
    "rankings",
    key=("game_id", "region", "position"),
    description="One row per game, region and place: the player last seen there, even if the ranking became shorter.",
    columns=(
        Column("game_id", "text", "game, as FACEIT names it", from_request=True),
        Column("region", "text", "region", from_request=True),
        Column("position", "integer", "place, from 1"),
        _PLAYER,
        _NICKNAME,
        Column("country", "text", "country, ISO 3166-1 alpha-2, lower case"),
        Column("faceit_elo", "integer", "rating"),
        Column("game_skill_level", "integer", "level 1 to 10", is_lenient=True),
    ),
)

HUBS = Table(
    SOURCE,
    "hubs",
    key=("hub_id",),
    description="One row per tracked hub.",
    columns=(
        *_columns(
            "text",
            hub_id="hub",
            name="name",
            game_id="game, as FACEIT names it",
            region="region",
            organizer_id="organizer",
            join_permission="permission to join",
        ),
        *_columns(
            "integer",
            players_joined="members",
            min_skill_level="least level to join",
            max_skill_level="greatest level to join",
        ),
    ),
    ignored=_names("avatar cover_image background_image description chat_room_id rule_id faceit_url"),
)

HUB_MEMBERS = Table(
    SOURCE,
    "hub_members",
    key=("hub_id", "user_id"),
    description="One row per tracked hub and member; a member who has left stays as last seen.",
    columns=(
        Column("hub_id", "text", "hub", from_request=True),
        _personal_id("user_id", "FACEIT's id of the player"),
        _NICKNAME,
        Column("roles", "jsonb", "roles in the hub"),
    ),
    ignored=_names("avatar faceit_url"),
)

CHAMPIONSHIPS = Table(
    SOURCE,
    "championships",
    key=("championship_id",),
    description="One row per tracked championship.",
    columns=(
        *_columns(
            "text",
            championship_id="championship",
            name="name",
            game_id="game, as FACEIT names it",
            region="region",
            organizer_id="organizer",
            type="`bracket`, `roundRobin`, ...",
            status="`started`, `finished`, ...",
        ),
        Column("championship_start", "bigint", "start, milliseconds since 1970 UTC"),
        *_columns(
            "integer",
            slots="places",
            current_subscriptions="places taken",
            total_rounds="rounds",
        ),
    ),
    ignored=_names(
        "id cover_image background_image avatar description featured subscription_start checkin_start checkin_clear "
        "subscription_end join_checks anticheat_required rules_id substitution_configuration full checkin_enabled "
        "schedule total_groups subscriptions_locked seeding_strategy faceit_url prizes total_prizes stream"
    ),
)
