{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['person_id', 'game'],
        meta={
            'facts': ['dim_people', 'bridge_player_identities', 'dim_players', 'fct_player_matches'],
            'key_expressions': {'dim_players': none, 'fct_player_matches': none},
            'change_key': ['person_id'],
            'extra_keys': 'people_of_changed_matches',
        }
    )
}}
{{- depends_on_in_hooks('fct_player_matches') }}

with people as (

    -- Of other people only matches shared with these are known.
    select * from {{ ref('dim_people') }}
    where (is_tracked or games > 1)
        and {{ only_changed(['person_id']) }}

),

profiles as (

    select
        people.person_id,
        identities.game,
        identities.player_id,
        players.display_name,
        coalesce(players.is_tracked, false) as is_tracked,
        players.rank_value,
        players.rank_name,
        players.leaderboard_rank,
        players.leaderboard_region,
        coalesce(records.matches, 0) as matches,
        coalesce(records.wins, 0) as wins,
        coalesce(records.draws, 0) as draws,
        coalesce(records.losses, 0) as losses,
        records.win_rate,
        records.win_rate_low,
        records.win_rate_high,
        players.last_played_at
    from people
    inner join {{ ref('bridge_player_identities') }} as identities
        on people.person_id = identities.person_id
            and identities.is_primary
    left join {{ ref('dim_players') }} as players
        on identities.game = players.game
            and identities.player_id = players.player_id
    left join {{ ref('player_win_rates') }} as records
        on identities.game = records.game
            and identities.player_id = records.player_id
            and records.period = 'all'

)

select * from profiles
