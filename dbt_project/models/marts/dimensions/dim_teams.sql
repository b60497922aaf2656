with teams as (

    select
        cast(team_id as text) as team_id,
        team_name,
        tag,
        logo_url,
        -- An absurd rating is none, and stops no build.
        case when abs(rating) < 1e9 then cast(cast(rating as numeric) as numeric(12, 3)) end as rating,
        wins,
        losses,
        last_played_at
    from {{ ref('stg_opendota__teams') }}

),

-- Names under which teams stood in matches, for those that the list of teams lacks.
sightings as (

    select
        radiant_team_id as team_id,
        radiant_team_name as team_name,
        match_id
    from {{ ref('stg_opendota__pro_matches') }}
    union all
    select
        dire_team_id as team_id,
        dire_team_name as team_name,
        match_id
    from {{ ref('stg_opendota__pro_matches') }}
    union all
    select
        radiant_team_id as team_id,
        radiant_team_name as team_name,
        match_id
    from {{ ref('stg_opendota__matches') }}
    union all
    select
        dire_team_id as team_id,
        dire_team_name as team_name,
        match_id
    from {{ ref('stg_opendota__matches') }}
    union all
    select
        opponent_team_id as team_id,
        opponent_team_name as team_name,
        match_id
    from {{ ref('stg_opendota__team_matches') }}

),

names as (

    select
        cast(team_id as text) as team_id,
        team_name,
        row_number() over (partition by team_id order by match_id desc, team_name asc) as place
    from sightings
    where team_id is not null and team_name is not null

),

played as (

    select
        team_id,
        max(played_at) as last_played_at
    from {{ ref('fct_team_matches') }}
    where game = 'dota2'
    group by team_id

),

known as (

    select team_id from teams
    union
    select team_id from played

),

described as (

    select
        'dota2' as game,
        known.team_id,
        coalesce(teams.team_name, names.team_name) as team_name,
        teams.tag,
        teams.logo_url,
        teams.rating,
        teams.wins,
        teams.losses,
        greatest(teams.last_played_at, played.last_played_at) as last_played_at
    from known
    left join teams on known.team_id = teams.team_id
    left join names on known.team_id = names.team_id and names.place = 1
    left join played on known.team_id = played.team_id

)

select * from described
