{#
    Matches between Dota 2 teams, one row per match, from the best of four endpoints.

    changes: relation of changed matches (game, match_id) to which the staging views are filtered; none for all.
#}
{% macro dota2_team_results(changes=none) %}
{%- set is_changed -%}
    {% if changes -%}
    match_id in (select cast(match_id as bigint) from {{ changes }} where game = {{ game('dota2') }})
    {%- else -%}
    true
    {%- endif %}
{%- endset -%}
with details as (

    select
        1 as source_priority,
        match_id,
        played_at,
        is_radiant_win,
        radiant_team_id,
        dire_team_id,
        radiant_team_name,
        dire_team_name,
        league_id,
        league_name,
        radiant_score,
        dire_score
    from {{ ref('stg_opendota__matches') }}
    where {{ is_changed }}

),

league_matches as (

    select
        2 as source_priority,
        match_id,
        played_at,
        is_radiant_win,
        radiant_team_id,
        dire_team_id,
        radiant_team_name,
        dire_team_name,
        league_id,
        league_name,
        radiant_score,
        dire_score
    from {{ ref('stg_opendota__league_matches') }}
    where {{ is_changed }}

),

pro_matches as (

    select
        3 as source_priority,
        match_id,
        played_at,
        is_radiant_win,
        radiant_team_id,
        dire_team_id,
        radiant_team_name,
        dire_team_name,
        league_id,
        league_name,
        radiant_score,
        dire_score
    from {{ ref('stg_opendota__pro_matches') }}
    where {{ is_changed }}

),

team_matches as (

    select
        4 as source_priority,
        match_id,
        played_at,
        is_radiant_win,
        case when is_radiant then team_id else opponent_team_id end as radiant_team_id,
        case when is_radiant then opponent_team_id else team_id end as dire_team_id,
        case when not is_radiant then opponent_team_name end as radiant_team_name,
        case when is_radiant then opponent_team_name end as dire_team_name,
        league_id,
        league_name,
        radiant_score,
        dire_score
    from {{ ref('stg_opendota__team_matches') }}
    where {{ is_changed }}
        -- A team does not play itself.
        and (opponent_team_id is null or opponent_team_id <> team_id)

),

observations as (

    select * from details
    union all
    select * from league_matches
    union all
    select * from pro_matches
    union all
    select * from team_matches

),

between_teams as (

    select
        *,
        max(league_id) over (partition by match_id) as match_league_id,
        max(league_name) over (partition by match_id) as match_league_name,
        max(radiant_team_name) over (partition by match_id, radiant_team_id) as radiant_name,
        max(dire_team_name) over (partition by match_id, dire_team_id) as dire_name,
        row_number() over (
            partition by match_id
            -- The most complete observation comes first. The histories of both teams may differ, if one was read before
            -- a correction: either may win, but the choice must be deterministic.
            order by
                case when is_radiant_win is null then 1 else 0 end,
                case when radiant_team_id is null or dire_team_id is null then 1 else 0 end,
                source_priority,
                radiant_team_id,
                dire_team_id,
                is_radiant_win,
                played_at,
                league_id,
                radiant_score,
                dire_score
        ) as row_rank
    from observations
    where (radiant_team_id is not null or dire_team_id is not null)
        and played_at is not null

),

unioned as (

    select
        {{ game('dota2') }} as game,
        cast(match_id as text) as match_id,
        played_at,
        is_radiant_win,
        cast(radiant_team_id as text) as radiant_team_id,
        cast(dire_team_id as text) as dire_team_id,
        radiant_name as radiant_team_name,
        dire_name as dire_team_name,
        cast(coalesce(league_id, match_league_id) as text) as league_id,
        match_league_name as league_name,
        radiant_score,
        dire_score
    from between_teams
    where row_rank = 1

)

select * from unioned
{% endmacro %}
