{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'team_id'],
        meta={'facts': ['fct_team_matches', 'dim_teams'], 'change_key': ['game', 'team_id']}
    )
}}

with results as (

    select
        game,
        team_id,
        match_id,
        played_at,
        {{ team_outcome() }} as outcome,
        row_number() over (partition by game, team_id order by played_at desc, match_id desc) as recency_rank,
        first_value({{ team_outcome() }}) over (
            partition by game, team_id order by played_at desc, match_id desc
        ) as last_outcome
    from {{ ref('fct_team_matches') }}
    where (is_win is not null or is_draw)
        and {{ is_standard_mode() }}
        and {{ only_changed(['game', 'team_id']) }}

),

{{ team_record(['game', 'team_id']) }},

described as (

    select
        rated.game,
        rated.team_id,
        teams.team_name,
        rated.matches,
        rated.wins,
        rated.draws,
        rated.losses,
        rated.win_rate,
        rated.win_rate_low,
        rated.win_rate_high,
        rated.streak,
        rated.last_10_wins,
        rated.last_10_draws,
        rated.last_10_matches,
        rated.last_played_at
    from rated
    left join {{ ref('dim_teams') }} as teams
        on rated.game = teams.game
            and rated.team_id = teams.team_id

)

select * from described
