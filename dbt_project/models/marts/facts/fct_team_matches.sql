{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'match_id', 'team_id'],
        meta={
            'changes': 'int_team_match_changes_unioned',
            'change_key': ['game', 'match_id'],
            'has_feed': true,
        },
        indexes=[{'columns': ['game', 'team_id', 'played_at']}, {'columns': ['game', 'league_id', 'team_id']}]
    )
}}
{{- depends_on_in_hooks('int_team_match_changes_unioned', macros=['dota2_team_results', 'faceit_team_results']) }}

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
    where dire_team_id is not null

),

faceit as (

    {% if reads_deltas() %}
    {{ faceit_team_results() }}
    {% else %}
    select * from {{ ref('int_faceit_team_results') }}
    {% endif %}

),

unioned as (

    select * from radiant
    union all
    select * from dire
    union all
    select * from faceit

)

select * from unioned
