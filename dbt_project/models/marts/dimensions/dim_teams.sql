{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'team_id'],
        meta={
            'facts': ['fct_team_matches'],
            'changes': 'stg_opendota__team_changes',
            'change_key': ['game', 'team_id'],
            'has_feed': true,
        },
        indexes=[{'columns': ['game', 'last_played_at', 'team_id']}]
    )
}}
{{- depends_on_in_hooks('stg_opendota__team_changes') }}

with teams as (

    select
        {{ game('dota2') }} as game,
        cast(team_id as text) as team_id,
        team_name,
        tag,
        logo_url,
        -- An absurd rating becomes null, so that it cannot fail the build.
        cast(case when abs(rating) < 1e9 then cast(rating as numeric) end as numeric(12, 3)) as rating,
        wins,
        losses,
        last_played_at
    from {{ ref('stg_opendota__teams') }}
    where {{ only_changed_in('dota2', 'team_id', 'team_id') }}

),

matches as (

    select * from {{ ref('fct_team_matches') }}
    where {{ only_changed(['game', 'team_id']) }}

),

-- Names of teams in matches, for teams that are missing in the list of teams.
names as (

    select
        game,
        team_id,
        team_name,
        row_number() over (partition by game, team_id order by played_at desc, match_id desc) as row_rank
    from matches
    where team_name is not null

),

played as (

    select
        game,
        team_id,
        max(played_at) as last_played_at
    from matches
    group by game, team_id

),

known as (

    select
        game,
        team_id
    from teams
    union
    select
        game,
        team_id
    from played

),

described as (

    select
        known.game,
        known.team_id,
        coalesce(teams.team_name, names.team_name) as team_name,
        teams.tag,
        teams.logo_url,
        teams.rating,
        teams.wins,
        teams.losses,
        greatest(teams.last_played_at, played.last_played_at) as last_played_at
    from known
    left join teams
        on known.game = teams.game
            and known.team_id = teams.team_id
    left join names
        on known.game = names.game
            and known.team_id = names.team_id
            and names.row_rank = 1
    left join played
        on known.game = played.game
            and known.team_id = played.team_id

)

select * from described
