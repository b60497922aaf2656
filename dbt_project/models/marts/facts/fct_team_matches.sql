{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'match_id', 'team_id'],
        meta={
            'facts': ['fct_faceit_player_maps'],
            'changes': 'stg_opendota__team_match_changes',
            'change_key': ['game', 'match_id'],
            'key_in': {'fct_faceit_player_maps': ['game', 'series_id']},
            'has_feed': true,
        },
        indexes=[{'columns': ['game', 'team_id', 'played_at']}, {'columns': ['game', 'league_id', 'team_id']}]
    )
}}
{{- hooks_read('stg_opendota__team_match_changes', macros=['dota2_team_results']) }}

with results as (

    {% if reads_deltas() %}
    {{ dota2_team_results(changes=changed_keys()) }}
    {% else %}
    select * from {{ ref('int_team_results_unioned') }}
    {% endif %}

),

radiant as (

    select
        game,
        match_id,
        radiant_team_id as team_id,
        radiant_team_name as team_name,
        dire_team_id as opponent_team_id,
        league_id,
        league_name,
        played_at,
        is_radiant_win as is_win,
        false as is_draw,
        'standard' as mode,
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
        dire_team_name as team_name,
        radiant_team_id as opponent_team_id,
        league_id,
        league_name,
        played_at,
        not is_radiant_win as is_win,
        false as is_draw,
        'standard' as mode,
        dire_score as score,
        radiant_score as opponent_score,
        'dire' as side
    from results
    -- A team entered on both sides counts once.
    where dire_team_id is not null
        and (radiant_team_id is null or dire_team_id <> radiant_team_id)

),

-- Teams meet in a match, of however many maps. What the slots of a side say of it is the same for all of them.
faceit as (

    select
        game,
        series_id as match_id,
        team_id,
        min(team_name) as team_name,
        min(opponent_team_id) as opponent_team_id,
        min(league_id) as league_id,
        min(league_name) as league_name,
        min(played_at) as played_at,
        -- A cancelled match and a bye have no winner among teams.
        max(case when is_series_win then 1 when not is_series_win then 0 end) = 1 as is_win,
        max(case when is_series_draw then 1 else 0 end) = 1 as is_draw,
        min(mode) as mode,
        min(case when match_id = series_id then score else maps_won end) as score,
        min(case when match_id = series_id then opponent_score else maps_lost end) as opponent_score,
        min(side) as side
    from {{ ref('fct_faceit_player_maps') }}
    where team_id is not null
        and {{ only_changed(['game', 'series_id'], key=['game', 'match_id']) }}
    group by game, series_id, team_id

),

unioned as (

    select * from radiant
    union all
    select * from dire
    union all
    select * from faceit

)

select * from unioned
