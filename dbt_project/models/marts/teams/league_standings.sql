{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'league_id', 'team_id'],
        meta={
            'facts': ['fct_team_matches', 'dim_teams'],
            'changes': 'stg_opendota__league_changes',
            'change_key': ['game', 'league_id'],
            'key_expressions': {'dim_teams': none},
            'extra_keys': 'leagues_of_changed_teams',
        }
    )
}}
{{- depends_on_in_hooks('stg_opendota__league_changes') }}

with matches as (

    select * from {{ ref('fct_team_matches') }}
    where league_id is not null
        and {{ only_changed(['game', 'league_id']) }}

),

results as (

    select
        game,
        league_id,
        team_id,
        match_id,
        played_at,
        {{ team_outcome() }} as outcome,
        row_number() over (
            partition by game, league_id, team_id order by played_at desc, match_id desc
        ) as recency_rank,
        first_value({{ team_outcome() }}) over (
            partition by game, league_id, team_id order by played_at desc, match_id desc
        ) as last_outcome
    from matches
    where is_win is not null or is_draw

),

{{ team_record(['game', 'league_id', 'team_id']) }},

leagues as (

    select
        {{ game('dota2') }} as game,
        cast(league_id as text) as league_id,
        league_name
    from {{ ref('stg_opendota__leagues') }}

),

-- Names of leagues in matches, for leagues that are missing in the list of leagues.
named_in_matches as (

    select
        game,
        league_id,
        max(league_name) as league_name
    from matches
    group by game, league_id

),

described as (

    select
        rated.game,
        rated.league_id,
        coalesce(leagues.league_name, named_in_matches.league_name) as league_name,
        rated.team_id,
        teams.team_name,
        rated.matches,
        rated.wins,
        rated.draws,
        rated.losses,
        rated.win_rate,
        rated.streak,
        rated.last_10_wins,
        rated.last_10_draws,
        rated.last_10_matches,
        cast(
            rank() over (partition by rated.game, rated.league_id order by rated.wins desc, rated.losses asc) as integer
        ) as standing,
        rated.last_played_at
    from rated
    left join {{ ref('dim_teams') }} as teams
        on rated.game = teams.game
            and rated.team_id = teams.team_id
    left join leagues
        on rated.game = leagues.game
            and rated.league_id = leagues.league_id
    left join named_in_matches
        on rated.game = named_in_matches.game
            and rated.league_id = named_in_matches.league_id

)

select * from described
