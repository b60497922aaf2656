{#
    CTEs `series` (facts that all maps of a match share), `sides` and `team_sides` (which team played on which side),
    from histories and details.

    A match needs a history or details: statistics alone have neither start nor sides. If both have a value, that of the
    history wins, because histories are read repeatedly and details once. (The observation time must not decide: a
    repeated response with the same content moves it, which an incremental build does not see.)
#}
{% macro faceit_series() %}
{%- set of_match = [
    'game', 'competition_id', 'competition_name', 'competition_type', 'duration_s', 'winner', 'faction1_score',
    'faction2_score'
] -%}
history as (

    select * from {{ ref('stg_faceit__history_matches') }}
    where {{ only_changed_series('match_id') }}

),

details as (

    select * from {{ ref('stg_faceit__matches') }}
    where {{ only_changed_series('match_id') }}

),

history_players as (

    select * from {{ ref('stg_faceit__history_players') }}
    where {{ only_changed_series('match_id') }}

),

factions as (

    select * from {{ ref('stg_faceit__match_factions') }}
    where {{ only_changed_series('match_id') }}

),

map_teams as (

    select * from {{ ref('stg_faceit__match_round_teams') }}
    where {{ only_changed_series('match_id') }}

),

reported_sides as (

    select
        match_id as series_id,
        faction as side,
        team_id,
        team_name,
        is_premade,
        1 as source_priority
    from factions
    union all
    select
        match_id as series_id,
        faction as side,
        team_id,
        team_name,
        false as is_premade,
        2 as source_priority
    from history_players

),

known_sides as (

    select
        *,
        min(source_priority) over (partition by series_id, team_id) as best_source_priority,
        row_number() over (
            partition by series_id, side order by source_priority, team_id, team_name
        ) as row_rank
    from reported_sides
    where side in ('faction1', 'faction2')

),

-- A team does not play itself: an id on both sides identifies neither.
team_sides as (

    select
        series_id,
        team_id,
        min(side) as side
    from known_sides
    where team_id is not null
        and source_priority = best_source_priority
    group by series_id, team_id
    having min(side) = max(side)

),

numbered_sides as (

    select
        series_id,
        side,
        team_name,
        is_premade,
        case when count(*) over (partition by series_id, team_id) = 1 then team_id end as team_id
    from known_sides
    where row_rank = 1

),

-- Statistics also say whether a team is premade.
premade_teams as (

    select distinct
        match_id,
        team_id
    from map_teams
    where is_premade

),

sides as (

    select
        numbered_sides.series_id,
        numbered_sides.side,
        numbered_sides.team_id,
        numbered_sides.team_name,
        numbered_sides.is_premade or premade_teams.team_id is not null as is_premade
    from numbered_sides
    left join premade_teams
        on numbered_sides.series_id = premade_teams.match_id
            and numbered_sides.team_id = premade_teams.team_id

),

byes as (

    select distinct series_id
    from reported_sides
    where team_id = 'bye'

),

series as (

    select
        coalesce(history.match_id, details.match_id) as series_id,
        {%- for column in of_match %}
        coalesce(history.{{ column }}, details.{{ column }}) as {{ column }},
        {%- endfor %}
        coalesce(
            history.started_at, details.started_at, history.finished_at, details.finished_at
        ) as played_at,
        history.game_mode,
        history.side_size,
        details.best_of,
        details.detailed_results,
        details.map_pick,
        details.map_entities,
        details.match_id is not null as has_details,
        history.match_id is not null as is_in_history,
        -- A match with an end and no start was awarded; without both its times are unknown.
        coalesce(history.started_at, details.started_at) is not null
        or coalesce(history.finished_at, details.finished_at) is null as is_started,
        history.playing_players,
        -- A bye is no match, though it has a winner.
        (coalesce(history.status, '') = 'finished' or coalesce(details.status, '') = 'finished')
        and coalesce(history.status, '') not in ('cancelled', 'aborted')
        and coalesce(details.status, '') not in ('cancelled', 'aborted')
        and byes.series_id is null as is_decided
    from history
    full outer join details on history.match_id = details.match_id
    left join byes on coalesce(history.match_id, details.match_id) = byes.series_id
    where coalesce(history.game, details.game) in {{ faceit_games() }}

)
{%- endmacro %}


{#
    A condition that filters a staging view of FACEIT to the matches that the model recomputes. The match is the last
    column of the model's `change_key`.

    column: the column of the view with the match.
#}
{% macro only_changed_series(column) -%}
    {%- if reads_deltas() -%}
    {{ only_changed([column], key=config.get('meta')['change_key'][-1:]) }}
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}
