with details as (

    select
        1 as preference,
        match_id,
        played_at,
        is_radiant_win,
        radiant_team_id,
        dire_team_id,
        league_id,
        radiant_score,
        dire_score
    from {{ ref('stg_opendota__matches') }}

),

league_matches as (

    select
        2 as preference,
        match_id,
        played_at,
        is_radiant_win,
        radiant_team_id,
        dire_team_id,
        league_id,
        radiant_score,
        dire_score
    from {{ ref('stg_opendota__league_matches') }}

),

pro_matches as (

    select
        3 as preference,
        match_id,
        played_at,
        is_radiant_win,
        radiant_team_id,
        dire_team_id,
        league_id,
        radiant_score,
        dire_score
    from {{ ref('stg_opendota__pro_matches') }}

),

team_matches as (

    select
        4 as preference,
        match_id,
        played_at,
        is_radiant_win,
        case when is_radiant then team_id else opponent_team_id end as radiant_team_id,
        case when is_radiant then opponent_team_id else team_id end as dire_team_id,
        league_id,
        radiant_score,
        dire_score
    from {{ ref('stg_opendota__team_matches') }}

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
        row_number() over (
            partition by match_id
            -- What tells most comes first; two team histories of one match differ in nothing else.
            order by
                case when is_radiant_win is null then 1 else 0 end,
                case when radiant_team_id is null or dire_team_id is null then 1 else 0 end,
                preference,
                radiant_team_id,
                dire_team_id
        ) as place
    from observations
    where (radiant_team_id is not null or dire_team_id is not null)
        and played_at is not null

),

unioned as (

    select
        'dota2' as game,
        cast(match_id as text) as match_id,
        played_at,
        is_radiant_win,
        cast(radiant_team_id as text) as radiant_team_id,
        cast(dire_team_id as text) as dire_team_id,
        cast(coalesce(league_id, match_league_id) as text) as league_id,
        radiant_score,
        dire_score
    from between_teams
    where place = 1

)

select * from unioned
