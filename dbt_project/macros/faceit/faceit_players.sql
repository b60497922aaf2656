{# CTEs that end in `faceit_described`: the players of FACEIT's games with the columns of `dim_players`. #}
{% macro faceit_players() %}
{%- set name_in_match = 'coalesce(map_players.display_name, history_players.display_name, rosters.display_name)' %}
faceit_profiles as (

    select * from {{ ref('stg_faceit__players') }}
    where {{ only_changed(['player_id']) }}

),

faceit_rankings as (

    select
        *,
        row_number() over (
            partition by game, player_id order by leaderboard_rank, region, display_name
        ) as row_rank
    from {{ ref('stg_faceit__rankings') }}
    where game in {{ faceit_games() }}
        and {{ valid_faceit_player_id('player_id') }} is not null
        and {{ only_changed(['game', 'player_id']) }}

),

faceit_tracked as (

    select
        game,
        player_id
    from ({{ tracked_players() }}) as tracked_by_game
    where game in {{ faceit_games() }}

),

faceit_played as (

    select
        game,
        player_id,
        max(last_seen_at) as last_played_at
    from {{ ref('int_player_totals') }}
    where game in {{ faceit_games() }}
        and {{ only_changed(['game', 'player_id']) }}
    group by game, player_id

),

-- Only players without a profile are named by their matches: all matches of the others need not be read.
faceit_unnamed as (

    select
        played.game,
        played.player_id
    from faceit_played as played
    left join faceit_profiles as profiles on played.player_id = profiles.player_id
    where profiles.display_name is null

),

faceit_sightings as (

    select
        maps.game,
        maps.player_id,
        {{ name_in_match }} as display_name,
        maps.skill_level,
        row_number() over (
            partition by maps.game, maps.player_id order by maps.played_at desc nulls last, maps.match_id desc
        ) as row_rank
    from faceit_unnamed as unnamed
    inner join {{ ref('fct_faceit_player_maps') }} as maps
        on unnamed.game = maps.game
            and unnamed.player_id = maps.player_id
    left join {{ ref('stg_faceit__match_round_players') }} as map_players
        on maps.series_id = map_players.match_id
            and maps.map_number = map_players.match_round
            and maps.player_id = map_players.player_id
    left join {{ ref('stg_faceit__history_players') }} as history_players
        on maps.series_id = history_players.match_id
            and maps.player_id = history_players.player_id
    left join {{ ref('stg_faceit__match_rosters') }} as rosters
        on maps.series_id = rosters.match_id
            and maps.player_id = rosters.player_id
    where {{ name_in_match }} is not null

),

faceit_ranks as (

    select
        *,
        row_number() over (partition by game, player_id order by observed_at desc) as row_rank
    from {{ ref('fct_rank_observations') }}
    where game in {{ faceit_games() }}
        and ladder = {{ ladder('faceit_elo') }}
        and {{ only_changed(['game', 'player_id']) }}

),

faceit_accounts as (

    select * from {{ ref('fct_player_accounts') }}
    where game in {{ faceit_games() }}
        and {{ only_changed(['game', 'player_id']) }}

),

faceit_known as (

    select
        game,
        player_id
    from {{ ref('stg_faceit__player_games') }}
    where game in {{ faceit_games() }}
        and {{ only_changed(['game', 'player_id']) }}
    union
    select
        game,
        player_id
    from faceit_tracked
    where {{ only_changed(['game', 'player_id']) }}
    {%- for relation in ['faceit_played', 'faceit_rankings', 'faceit_ranks'] %}
    union
    select
        game,
        player_id
    from {{ relation }}
    {%- endfor %}

),

faceit_described as (

    select
        known.game,
        known.player_id,
        coalesce(profiles.display_name, sightings.display_name, rankings.display_name) as display_name,
        cast(null as text) as professional_name,
        coalesce(profiles.country_code, rankings.country_code) as country_code,
        {{ steam_id64('accounts.steam_account_id') }} as steam_id64,
        profiles.avatar_url,
        tracked.player_id is not null as is_tracked,
        ranks.rank_value,
        ranks.rank_name,
        -- `Level 9` is the bracket `level_9`. The level of a match is used only if no elo was ever observed, not if the
        -- elo has vanished.
        coalesce(
            lower(replace(ranks.rank_name, ' ', '_')),
            case when ranks.player_id is null then 'level_' || cast(sightings.skill_level as text) end,
            'unknown'
        ) as rank_bracket,
        -- From the ranking, because the newest observation is nearly always a profile, which has no leaderboard rank. A
        -- player whose elo has vanished since has none.
        {%- for column, name in [('leaderboard_rank', 'leaderboard_rank'), ('region', 'leaderboard_region')] %}
        case
            when ranks.player_id is null or ranks.rank_value is not null then rankings.{{ column }}
        end as {{ name }},
        {%- endfor %}
        played.last_played_at
    from faceit_known as known
    left join faceit_profiles as profiles on known.player_id = profiles.player_id
    left join faceit_rankings as rankings
        on known.game = rankings.game
            and known.player_id = rankings.player_id
            and rankings.row_rank = 1
    left join faceit_tracked as tracked
        on known.game = tracked.game
            and known.player_id = tracked.player_id
    left join faceit_sightings as sightings
        on known.game = sightings.game
            and known.player_id = sightings.player_id
            and sightings.row_rank = 1
    left join faceit_played as played
        on known.game = played.game
            and known.player_id = played.player_id
    left join faceit_ranks as ranks
        on known.game = ranks.game
            and known.player_id = ranks.player_id
            and ranks.row_rank = 1
    left join faceit_accounts as accounts
        on known.game = accounts.game
            and known.player_id = accounts.player_id

)
{%- endmacro %}
