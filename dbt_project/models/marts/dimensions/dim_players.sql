{#- `fct_player_accounts` has FACEIT player ids also for dota2; `dim_players` has the Steam account there. #}
{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id'],
        meta={
            'facts': [
                'fct_player_matches', 'fct_rank_observations', 'fct_faceit_player_maps', 'fct_player_accounts'
            ],
            'key_expressions': {
                'fct_player_accounts': ['game', by_player_id_kind('game', 'steam_account_id', 'player_id')],
            },
            'changes': 'int_player_changes_unioned',
            'change_key': ['game', 'player_id'],
            'extra_keys': 'players_with_changed_tracking',
            'has_feed': true,
        },
        indexes=[{'columns': ['left(lower(display_name), 100) collate "C"', 'game', 'player_id']}]
    )
}}
{{- depends_on_in_hooks('fct_player_matches', 'int_player_changes_unioned') }}

with profiles as (

    select * from {{ ref('stg_opendota__players') }}
    where account_id is not null
        and {{ only_changed_in('dota2', 'account_id', 'player_id') }}

),

tracked as (

    select player_id
    from ({{ tracked_players() }}) as tracked_by_game
    where game = {{ game('dota2') }}

),

-- Names of players in matches, for players without a profile.
sightings as (

    select
        cast(account_id as text) as player_id,
        display_name,
        professional_name,
        row_number() over (partition by account_id order by match_id desc, player_slot asc) as row_rank
    from {{ ref('stg_opendota__match_players') }}
    where account_id is not null
        and {{ only_changed_in('dota2', 'account_id', 'player_id') }}

),

played as (

    select
        player_id,
        max(last_seen_at) as last_played_at
    from {{ ref('int_player_totals') }}
    where game = {{ game('dota2') }}
        and {{ only_changed(['game', 'player_id']) }}
    group by player_id

),

ranks as (

    select
        observations.player_id,
        observations.rank_value,
        observations.rank_name,
        observations.leaderboard_rank,
        medals.rank_bracket,
        row_number() over (partition by observations.player_id order by observations.observed_at desc) as row_rank
    from {{ ref('fct_rank_observations') }} as observations
    left join {{ ref('dota2_medals') }} as medals on observations.rank_value / 10 = medals.medal
    where observations.ladder = {{ ladder('dota2_rank_tier') }}
        and {{ only_changed(['observations.game', 'observations.player_id'], key=['game', 'player_id']) }}

),

known as (

    select cast(account_id as text) as player_id from profiles
    union
    select player_id from tracked
    where {{ only_changed(['player_id']) }}
    union
    select player_id from played
    union
    select player_id from ranks
    union
    -- Players known only from FACEIT.
    select player_id from {{ ref('fct_rank_observations') }}
    where game = {{ game('dota2') }}
        and ladder = {{ ladder('faceit_elo') }}
        and {{ only_changed(['game', 'player_id']) }}

),

described as (

    select
        {{ game('dota2') }} as game,
        known.player_id,
        coalesce(profiles.display_name, sightings.display_name) as display_name,
        coalesce(profiles.professional_name, sightings.professional_name) as professional_name,
        profiles.country_code,
        {{ steam_id64('known.player_id') }} as steam_id64,
        profiles.avatar_url,
        tracked.player_id is not null as is_tracked,
        ranks.rank_value,
        ranks.rank_name,
        coalesce(ranks.rank_bracket, 'unknown') as rank_bracket,
        ranks.leaderboard_rank,
        cast(null as text) as leaderboard_region,
        played.last_played_at
    from known
    left join profiles on known.player_id = cast(profiles.account_id as text)
    left join sightings on known.player_id = sightings.player_id and sightings.row_rank = 1
    left join tracked on known.player_id = tracked.player_id
    left join played on known.player_id = played.player_id
    left join ranks on known.player_id = ranks.player_id and ranks.row_rank = 1

),

{{ faceit_players() }},

unioned as (

    select * from described
    union all
    select * from faceit_described

)

select
    game,
    player_id,
    {{ if_shown('display_name') }} as display_name,
    professional_name,
    {{ if_shown('country_code') }} as country_code,
    {{ if_shown('steam_id64') }} as steam_id64,
    {{ if_shown('avatar_url') }} as avatar_url,
    is_tracked,
    rank_value,
    rank_name,
    rank_bracket,
    leaderboard_rank,
    leaderboard_region,
    last_played_at
from unioned
