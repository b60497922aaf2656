"""The staging tables of OpenDota: `staging_opendota.*`, with the names and types of the source."""

from __future__ import annotations

from warehouse.model.tables import Column, ColumnType, Table, TimestampFormat, document_fields

__all__ = [
    "CONSTANTS",
    "HERO_STATS",
    "LEAGUES",
    "LEAGUE_MATCHES",
    "MATCHES",
    "MATCH_ABSENCES",
    "MATCH_PLAYERS",
    "PLAYERS",
    "PLAYER_HEROES",
    "PLAYER_MATCHES",
    "PLAYER_RANKS",
    "PLAYER_RATINGS",
    "PLAYER_TOTALS",
    "PRO_MATCHES",
    "PUBLIC_MATCHES",
    "TEAMS",
    "TEAM_MATCHES",
]

SOURCE = "opendota"

#: Seconds since 1970; no match was played before the game's first test, in 2010.
_SECONDS = TimestampFormat(units_per_second=1, min_time=1_262_304_000)
_SECONDS_OR_NONE = TimestampFormat(units_per_second=1, min_time=1_262_304_000, is_zero_null=True)
#: A text in ISO 8601.
_ISO = TimestampFormat(units_per_second=1, min_time=0)
#: A Steam account id has 32 bits.
_ACCOUNTS = (0, 2**32 - 1)
#: Matches are numbered from 1 on; the newest is far below.
_MATCHES = (1, 10**13)
_SLOTS = (0, 255)


def _columns(type_: ColumnType, **descriptions: str) -> tuple[Column, ...]:
    return tuple(Column(name, type_, text) for name, text in descriptions.items())


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _objects(**descriptions: str) -> tuple[Column, ...]:
    """Columns of nested values: `radiant_team__name` is the `name` of the record's `radiant_team`."""
    columns = []
    for name, text in descriptions.items():
        path = tuple(name.split("__"))
        is_name = path[-1] == "name"
        columns.append(Column(name, "text" if is_name else "bigint", text, path, is_lenient=not is_name))
    return tuple(columns)


#: Ids and names as objects: newer responses have them beside, or in place of, the flat fields.
_TEAM_OBJECTS = _objects(
    radiant_team__team_id="team on Radiant, where an object holds it",
    radiant_team__name="its name, where an object holds it",
    dire_team__team_id="team on Dire, where an object holds it",
    dire_team__name="its name, where an object holds it",
)
_LEAGUE_OBJECT = _objects(
    league__leagueid="league, where an object holds it",
    league__name="its name, where an object holds it",
)

_ACCOUNT = Column(
    "account_id",
    "bigint",
    "Steam account id (32 bit) of the requested player",
    value_range=_ACCOUNTS,
    from_request=True,
    privacy="pseudonymous",
)
_OBSERVED = Column("observed_at", "text", "when the profile was fetched, ISO 8601 in UTC", from_request=True)

PLAYERS = Table(
    SOURCE,
    "players",
    key=("account_id",),
    description="One row per player: the profile as last seen.",
    columns=(
        _ACCOUNT,
        Column("personaname", "text", "name shown on Steam", ("profile", "personaname"), privacy="pseudonymous"),
        Column("name", "text", "name as a professional player", ("profile", "name"), privacy="pseudonymous"),
        Column("plus", "boolean", "has Dota Plus", ("profile", "plus")),
        Column("steamid", "text", "Steam id (64 bit)", ("profile", "steamid"), privacy="pseudonymous"),
        Column("avatarfull", "text", "URL of the avatar", ("profile", "avatarfull"), privacy="pseudonymous"),
        Column(
            "profileurl",
            "text",
            "URL of the Steam profile",
            ("profile", "profileurl"),
            privacy="pseudonymous",
        ),
        Column("loccountrycode", "text", "country on Steam, ISO 3166-1 alpha-2", ("profile", "loccountrycode")),
    ),
    ignored=_names(
        "aliases competitive_rank solo_competitive_rank leaderboard_rank rank_tier mmr_estimate computed_mmr "
        "computed_mmr_turbo tracked_until"
    ),
)

PLAYER_RANKS = Table(
    SOURCE,
    "player_ranks",
    key=("account_id", "observed_at"),
    description="One row per player and observation: the rank shown on the profile at that time.",
    columns=(
        _ACCOUNT,
        _OBSERVED,
        Column(
            "rank_tier",
            "integer",
            "medal x 10 + stars; 80 is Immortal; null when uncalibrated",
            decides_result=True,
        ),
        Column("leaderboard_rank", "integer", "place on the Immortal leaderboard"),
        Column("computed_mmr", "double precision", "rating computed by OpenDota"),
        Column("computed_mmr_turbo", "double precision", "rating computed by OpenDota over turbo matches"),
        Column("competitive_rank", "integer", "party rating, until 2018", is_lenient=True),
        Column("solo_competitive_rank", "integer", "solo rating, until 2018", is_lenient=True),
        Column(
            "mmr_estimate",
            "double precision",
            "rating estimated by OpenDota, until 2018",
            ("mmr_estimate", "estimate"),
        ),
    ),
    ignored=_names("aliases profile tracked_until"),
)

PLAYER_MATCHES = Table(
    SOURCE,
    "player_matches",
    key=("match_id", "account_id"),
    description="One row per player and match of the player's history, significant or not.",
    columns=(
        _ACCOUNT,
        Column("match_id", "bigint", "match", value_range=_MATCHES),
        Column("player_slot", "integer", "0-4 Radiant, 128-132 Dire", value_range=_SLOTS, is_required=True),
        Column("radiant_win", "boolean", "Radiant won; null when the result is unknown", decides_result=True),
        Column("start_time", "bigint", "start of the match, seconds since 1970 UTC", time=_SECONDS),
        *_columns(
            "integer",
            duration="length of the match in seconds",
            game_mode="game mode, see constants",
            lobby_type="lobby type, see constants",
            hero_id="hero played; 0 when unknown",
            version="version of the replay parser; null when not parsed",
            kills="kills",
            deaths="deaths",
            assists="assists",
            skill="skill bracket, until 2020",
            average_rank="average rank tier of the match",
            leaver_status="0 stayed, 1-4 left in some way",
            party_size="players in the party, as sent (0, 9 and 10 occur)",
            hero_variant="facet of the hero",
        ),
    ),
)

PLAYER_RATINGS = Table(
    SOURCE,
    "player_ratings",
    key=("account_id", "time"),
    description="One row per player and rating observation kept by OpenDota.",
    columns=(
        _ACCOUNT,
        Column("time", "text", "when OpenDota observed it, ISO 8601", time=_ISO),
        Column("rank_tier", "integer", "medal x 10 + stars", decides_result=True),
        Column("match_id", "bigint", "match after which it was observed, until 2018", value_range=_MATCHES),
        Column("solo_competitive_rank", "integer", "solo rating, until 2018", is_lenient=True),
        Column("competitive_rank", "integer", "party rating, until 2018", is_lenient=True),
    ),
)

PLAYER_HEROES = Table(
    SOURCE,
    "player_heroes",
    key=("account_id", "hero_id"),
    description="One row per player and hero: OpenDota's own totals over significant matches, a cross-check for ours.",
    columns=(
        _ACCOUNT,
        Column("hero_id", "integer", "hero", is_lenient=True),
        Column("last_played", "bigint", "last match with it, seconds since 1970 UTC; 0 when never"),
        *_columns(
            "integer",
            games="matches with it",
            win="matches won with it",
            with_games="matches with it on the own side",
            with_win="of these won",
            against_games="matches against it",
            against_win="of these won",
        ),
    ),
)

PLAYER_TOTALS = Table(
    SOURCE,
    "player_totals",
    key=("account_id",),
    description="One row per player: OpenDota's own count of significant matches, a cross-check for ours.",
    columns=(_ACCOUNT, *_columns("integer", win="matches won", lose="matches lost")),
)

_MATCH_INTEGERS = _columns(
    "integer",
    duration="length of the match in seconds",
    pre_game_duration="seconds before the horn",
    game_mode="game mode, see constants",
    lobby_type="lobby type, see constants",
    cluster="server cluster",
    region="region, derived by OpenDota",
    patch="patch, derived by OpenDota",
    version="version of the replay parser; null when not parsed",
    skill="skill bracket, until 2020",
    radiant_score="kills of Radiant",
    dire_score="kills of Dire",
    tower_status_radiant="bit mask of standing towers",
    tower_status_dire="bit mask of standing towers",
    barracks_status_radiant="bit mask of standing barracks",
    barracks_status_dire="bit mask of standing barracks",
    first_blood_time="seconds after the horn",
    human_players="number of human players",
    leagueid="league; 0 when none",
    series_id="series",
    series_type="0 best of 1, 1 best of 3, 2 best of 5",
    flags="flags as sent",
    engine="0 Source, 1 Source 2",
    positive_votes="votes up",
    negative_votes="votes down",
)

MATCHES = Table(
    SOURCE,
    "matches",
    key=("match_id",),
    description="One row per match whose details were fetched.",
    columns=(
        Column("match_id", "bigint", "match", value_range=_MATCHES),
        Column("start_time", "bigint", "start, seconds since 1970 UTC", time=_SECONDS),
        Column("radiant_win", "boolean", "Radiant won; null when unknown", decides_result=True),
        *_MATCH_INTEGERS,
        Column("match_seq_num", "bigint", "sequence number of Valve"),
        Column("radiant_team_id", "bigint", "team on Radiant"),
        Column("dire_team_id", "bigint", "team on Dire"),
        Column("radiant_name", "text", "team name at the time, as in older responses"),
        Column("dire_name", "text", "team name at the time, as in older responses"),
        *_TEAM_OBJECTS,
        *_LEAGUE_OBJECT,
        Column("radiant_logo", "text", "logo id; arrives rounded above 2^53, so text"),
        Column("dire_logo", "text", "logo id; arrives rounded above 2^53, so text"),
        Column("radiant_captain", "bigint", "account of the captain", value_range=_ACCOUNTS, privacy="pseudonymous"),
        Column("dire_captain", "bigint", "account of the captain", value_range=_ACCOUNTS, privacy="pseudonymous"),
        Column(
            "picks_bans",
            "jsonb",
            "draft: [{is_pick, hero_id, team, order}]",
            document_fields=(
                *document_fields("integer", "[].hero_id", "[].order"),
                *document_fields("boolean", "[].is_pick"),
            ),
        ),
        Column("objectives", "jsonb", "objectives taken, when parsed"),
        Column("radiant_gold_adv", "jsonb", "gold advantage of Radiant by minute, when parsed"),
        Column("radiant_xp_adv", "jsonb", "experience advantage of Radiant by minute, when parsed"),
        Column("teamfights", "jsonb", "team fights, when parsed"),
        Column("replay_url", "text", "URL of the replay"),
    ),
    ignored=_names(
        "players cosmetics draft_timings metadata od_data radiant_team_complete dire_team_complete replay_salt throw "
        "loss comeback stomp pauses"
    ),
)

MATCH_PLAYERS = Table(
    SOURCE,
    "match_players",
    key=("match_id", "player_slot"),
    indexes=(("account_id",),),
    description="One row per match and player slot of a match whose details were fetched.",
    columns=(
        Column("match_id", "bigint", "match", value_range=_MATCHES, from_request=True),
        Column("player_slot", "integer", "0-4 Radiant, 128-132 Dire", value_range=_SLOTS),
        Column("account_id", "bigint", "player; null when anonymous", value_range=_ACCOUNTS, privacy="pseudonymous"),
        Column("personaname", "text", "name shown on Steam", privacy="pseudonymous"),
        Column("name", "text", "name as a professional player", privacy="pseudonymous"),
        Column("rank_tier", "integer", "medal x 10 + stars at the time of the response"),
        *_columns(
            "integer",
            hero_id="hero played; 0 when unknown",
            hero_variant="facet of the hero",
            kills="kills",
            deaths="deaths",
            assists="assists",
            leaver_status="0 stayed, 1-4 left in some way",
            last_hits="last hits",
            denies="denies",
            gold_per_min="gold a minute",
            xp_per_min="experience a minute",
            level="level at the end",
            net_worth="net worth at the end",
            hero_damage="damage to heroes",
            tower_damage="damage to buildings",
            hero_healing="healing of heroes",
            gold="gold at the end",
            gold_spent="gold spent",
            total_gold="gold earned",
            total_xp="experience earned",
            item_0="item in slot 0",
            item_1="item in slot 1",
            item_2="item in slot 2",
            item_3="item in slot 3",
            item_4="item in slot 4",
            item_5="item in slot 5",
            item_neutral="neutral item",
            backpack_0="item in the backpack",
            backpack_1="item in the backpack",
            backpack_2="item in the backpack",
            party_id="party within the match",
            party_size="players in the party",
            lane="lane, when parsed",
            lane_role="role in the lane, when parsed",
            lane_efficiency_pct="gold at ten minutes against the possible, percent, when parsed",
            obs_placed="observer wards placed, when parsed",
            sen_placed="sentry wards placed, when parsed",
            camps_stacked="camps stacked, when parsed",
            rune_pickups="runes taken, when parsed",
            buyback_count="buybacks, when parsed",
            actions_per_min="actions a minute, when parsed",
        ),
        Column("is_roaming", "boolean", "roamed, when parsed"),
        Column("stuns", "double precision", "seconds of stuns dealt, when parsed"),
        Column("teamfight_participation", "double precision", "share of team fights joined, when parsed"),
        Column("multi_kills", "jsonb", "multi kills by size, when parsed"),
        Column("kill_streaks", "jsonb", "kill streaks by length, when parsed"),
        Column("purchase_log", "jsonb", "purchases in order, when parsed"),
        Column("benchmarks", "jsonb", "percentile by metric, as OpenDota computed it"),
    ),
    # A parsed player has some 140 keys; those not named above stay in the lake.
    ignored=_names(
        "abandons ability_targets ability_upgrades_arr ability_uses additional_units aghanims_scepter "
        "aghanims_shard ancient_kills buyback_log cluster computed_mmr computed_mmr_turbo cosmetics courier_kills "
        "creeps_stacked damage damage_inflictor damage_inflictor_received damage_taken damage_targets "
        "dire_team dn_t duration firstblood_claimed first_purchase_time game_mode gold_reasons gold_t hero_hits "
        "hero_kills isRadiant is_contributor is_subscriber item_neutral2 item_usage item_uses item_win kda "
        "killed killed_by kills_log kills_per_min lane_efficiency lane_kills lane_pos last_login lh_t life_state "
        "life_state_dead lobby_type lose match_id max_hero_hit moonshard necronomicon_kills neutral_item_history "
        "neutral_kills neutral_tokens_log obs obs_left_log obs_log observer_kills observer_uses observers_placed "
        "patch performance_others permanent_buffs pings pred_vict purchase purchase_time "
        "purchase_tpscroll purchase_ward_observer purchase_ward_sentry radiant_win randomed region repicked "
        "roshan_kills roshans_killed runes runes_log sen sen_left_log sen_log sentry_kills sentry_uses start_time "
        "team_number team_slot times tower_kills towers_killed win xp_reasons xp_t actions "
        "connection_log loss throw comeback stomp healing purchase_gem"
    ),
)

MATCH_ABSENCES = Table(
    SOURCE,
    "match_absences",
    key=("match_id",),
    description="One row per match that was requested and is not known to OpenDota (404).",
    columns=(
        Column("match_id", "bigint", "match", value_range=_MATCHES, from_request=True),
        Column("error", "text", "error message of the response"),
    ),
)

PRO_MATCHES = Table(
    SOURCE,
    "pro_matches",
    key=("match_id",),
    description="One row per professional match.",
    columns=(
        Column("match_id", "bigint", "match", value_range=_MATCHES),
        Column("start_time", "bigint", "start, seconds since 1970 UTC", time=_SECONDS),
        Column("radiant_win", "boolean", "Radiant won; null when unknown", decides_result=True),
        Column("duration", "integer", "length in seconds"),
        Column("radiant_team_id", "bigint", "team on Radiant"),
        Column("radiant_name", "text", "its name"),
        Column("dire_team_id", "bigint", "team on Dire"),
        Column("dire_name", "text", "its name"),
        Column("leagueid", "bigint", "league"),
        Column("league_name", "text", "its name"),
        Column("series_id", "bigint", "series"),
        Column("series_type", "integer", "0 best of 1, 1 best of 3, 2 best of 5"),
        Column("radiant_score", "integer", "kills of Radiant"),
        Column("dire_score", "integer", "kills of Dire"),
        Column("version", "integer", "version of the replay parser"),
        *_TEAM_OBJECTS,
        *_LEAGUE_OBJECT,
    ),
)

PUBLIC_MATCHES = Table(
    SOURCE,
    "public_matches",
    key=("match_id",),
    description="One row per public match of OpenDota's sample.",
    columns=(
        Column("match_id", "bigint", "match", value_range=_MATCHES),
        Column("match_seq_num", "bigint", "sequence number of Valve"),
        Column("radiant_win", "boolean", "Radiant won; null when unknown", decides_result=True),
        Column("start_time", "bigint", "start, seconds since 1970 UTC", time=_SECONDS),
        *_columns(
            "integer",
            duration="length in seconds",
            lobby_type="lobby type, see constants",
            game_mode="game mode, see constants",
            avg_rank_tier="average rank tier",
            num_rank_tier="players with a known rank",
            avg_mmr="average rating, until 2019",
            num_mmr="players with a known rating, until 2019",
            cluster="server cluster",
        ),
        Column("radiant_team", "jsonb", "hero ids: an array today, comma-separated text until 2019"),
        Column("dire_team", "jsonb", "hero ids: an array today, comma-separated text until 2019"),
    ),
)

TEAMS = Table(
    SOURCE,
    "teams",
    key=("team_id",),
    description="One row per professional team.",
    columns=(
        Column("team_id", "bigint", "team"),
        Column("rating", "double precision", "Elo rating kept by OpenDota"),
        Column("wins", "integer", "matches won"),
        Column("losses", "integer", "matches lost"),
        Column("last_match_time", "bigint", "last match, seconds since 1970 UTC", time=_SECONDS_OR_NONE),
        Column("name", "text", "name"),
        Column("tag", "text", "short name"),
        Column("logo_url", "text", "URL of the logo"),
    ),
    ignored=frozenset(("delta", "match_id")),
)

TEAM_MATCHES = Table(
    SOURCE,
    "team_matches",
    key=("match_id", "team_id"),
    description="One row per tracked team and match of its history.",
    columns=(
        Column("team_id", "bigint", "the requested team", from_request=True),
        Column("match_id", "bigint", "match", value_range=_MATCHES),
        Column("start_time", "bigint", "start, seconds since 1970 UTC", time=_SECONDS),
        Column("radiant", "boolean", "the team played on Radiant", is_required=True),
        Column("radiant_win", "boolean", "Radiant won; null when unknown", decides_result=True),
        Column("radiant_score", "integer", "kills of Radiant"),
        Column("dire_score", "integer", "kills of Dire"),
        Column("duration", "integer", "length in seconds"),
        Column("leagueid", "bigint", "league"),
        Column("league_name", "text", "its name"),
        Column("cluster", "integer", "server cluster"),
        Column("opposing_team_id", "bigint", "team on the other side"),
        Column("opposing_team_name", "text", "its name"),
        Column("opposing_team_logo", "text", "URL of its logo"),
        *_objects(
            opposing_team__team_id="team on the other side, where an object holds it",
            opposing_team__name="its name, where an object holds it",
        ),
        *_LEAGUE_OBJECT,
    ),
)

LEAGUES = Table(
    SOURCE,
    "leagues",
    key=("leagueid",),
    description="One row per league.",
    columns=(
        Column("leagueid", "bigint", "league"),
        Column("name", "text", "name"),
        Column("tier", "text", "premium, professional, amateur or excluded; may be null"),
        Column("ticket", "text", "path of the ticket image"),
        Column("banner", "text", "path of the banner image"),
    ),
)

LEAGUE_MATCHES = Table(
    SOURCE,
    "league_matches",
    key=("match_id",),
    description="One row per match of a tracked league.",
    columns=(
        Column("match_id", "bigint", "match", value_range=_MATCHES),
        Column("start_time", "bigint", "start, seconds since 1970 UTC", time=_SECONDS),
        Column("radiant_win", "boolean", "Radiant won; null when unknown", decides_result=True),
        Column("duration", "integer", "length in seconds"),
        Column("leagueid", "bigint", "league"),
        Column("league_name", "text", "its name"),
        Column("radiant_team_id", "bigint", "team on Radiant"),
        Column("radiant_name", "text", "its name"),
        Column("dire_team_id", "bigint", "team on Dire"),
        Column("dire_name", "text", "its name"),
        Column("series_id", "bigint", "series"),
        Column("series_type", "integer", "0 best of 1, 1 best of 3, 2 best of 5"),
        Column("radiant_score", "integer", "kills of Radiant"),
        Column("dire_score", "integer", "kills of Dire"),
        Column("version", "integer", "version of the replay parser"),
        *_TEAM_OBJECTS,
        *_LEAGUE_OBJECT,
    ),
    # The response has rows of OpenDota's own table of matches; the other columns are in the match's details.
    ignored=_names(
        "barracks_status_dire barracks_status_radiant cluster cosmetics dire_captain dire_gold_adv dire_logo "
        "dire_team_complete dire_xp_adv draft_timings engine first_blood_time flags game_mode "
        "human_players lobby_type match_seq_num metadata negative_votes objectives od_data patch "
        "picks_bans positive_votes pre_game_duration radiant_captain radiant_gold_adv radiant_logo "
        "radiant_team_complete radiant_xp_adv region replay_salt skill teamfights tower_status_dire "
        "tower_status_radiant"
    ),
)

HERO_STATS = Table(
    SOURCE,
    "hero_stats",
    key=("id",),
    description="One row per hero: attributes and OpenDota's own pick and win counts.",
    columns=(
        Column("id", "integer", "hero"),
        Column("name", "text", "internal name"),
        Column("localized_name", "text", "name shown to players"),
        Column("primary_attr", "text", "primary attribute: agi, str, int or all"),
        Column("attack_type", "text", "Melee or Ranged"),
        Column("roles", "jsonb", "roles: array of text"),
        *_columns(
            "integer",
            pro_pick="picks in professional matches",
            pro_win="of these won",
            pro_ban="bans in professional matches",
            pub_pick="picks in public matches",
            pub_win="of these won",
            turbo_picks="picks in turbo matches",
            turbo_wins="of these won",
        ),
    ),
    # Attributes that no mart reads, and picks and wins by bracket (1 to 8), which the marts count themselves.
    ignored=_names(
        "1_pick 1_win 2_pick 2_win 3_pick 3_win 4_pick 4_win 5_pick 5_win 6_pick 6_win 7_pick 7_win 8_pick 8_win "
        "agi_gain attack_point attack_range attack_rate base_agi base_armor base_attack_max base_attack_min "
        "base_attack_time base_health base_health_regen base_int base_mana base_mana_regen base_mr base_str "
        "cm_enabled day_vision hero_id icon img int_gain legs move_speed night_vision projectile_speed str_gain "
        "pub_pick_trend pub_win_trend turbo_picks_trend turbo_wins_trend turn_rate"
    ),
)


CONSTANTS = Table(
    SOURCE,
    "constants",
    key=("resource", "id"),
    description="One row per resource and entry of the Dota 2 constants: heroes, game_mode, lobby_type, patch, region.",
    columns=(
        Column("resource", "text", "name of the resource", from_request=True),
        Column("id", "text", "key of the entry"),
        Column(
            "value",
            "jsonb",
            "the entry",
            document_fields=document_fields("boolean", "balanced"),
            is_scalar_allowed=True,
        ),
    ),
)
