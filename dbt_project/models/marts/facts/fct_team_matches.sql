{{ config(indexes=[{'columns': ['game', 'team_id', 'played_at']}]) }}

with results as (

    select * from {{ ref('int_team_results_unioned') }}

),

radiant as (

    select
        game,
        match_id,
        radiant_team_id as team_id,
        dire_team_id as opponent_team_id,
        league_id,
        played_at,
        is_radiant_win as is_win,
        radiant_score as score,
        dire_score as opponent_score,
        'radiant' as side
    from results
    where radiant_team_id is not null

),

dire as (

    select
        game,
        match_id,
        dire_team_id as team_id,
        radiant_team_id as opponent_team_id,
        league_id,
        played_at,
        not is_radiant_win as is_win,
        dire_score as score,
        radiant_score as opponent_score,
        'dire' as side
    from results
    -- A team entered on both sides counts once.
    where dire_team_id is not null
        and (radiant_team_id is null or dire_team_id <> radiant_team_id)

),

unioned as (

    select * from radiant
    union all
    select * from dire

)

select * from unioned
