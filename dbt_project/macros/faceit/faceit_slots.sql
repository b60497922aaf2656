{#
    CTE `slots`: the players of each map with side and slot number.

    Players come from the first source that is available: the statistics of the map, the playing players of the history,
    players who are said to have played in the details, the roster of the details (which keeps players who were
    substituted out). Slots are numbered by player id, from 0 on `faction1` and from 5 on `faction2`.
#}
{% macro faceit_slots() %}
map_players as (

    select players.*
    from {{ ref('stg_faceit__match_round_players') }} as players
    left join reported_rounds
        on players.match_id = reported_rounds.match_id
            and players.match_round = reported_rounds.match_round
    where {{ only_changed_series('players.match_id') }}
        -- Statistics of a map that was not played are ignored.
        and coalesce(reported_rounds.is_played, true)

),

rosters as (

    select * from {{ ref('stg_faceit__match_rosters') }}
    where {{ only_changed_series('match_id') }}

),

candidates as (

    select
        maps.series_id,
        maps.map_number,
        map_players.player_id,
        0 as source_priority
    from maps
    inner join map_players
        on maps.series_id = map_players.match_id
            and maps.map_number = map_players.match_round
    union all
    select
        maps.series_id,
        maps.map_number,
        listed.player_id,
        0 as source_priority
    from maps
    inner join listed
        on maps.series_id = listed.match_id
            and maps.map_number = listed.match_round
    union all
    select
        maps.series_id,
        maps.map_number,
        history_players.player_id,
        1 as source_priority
    from maps
    inner join history_players on maps.series_id = history_players.match_id
    where maps.is_played
        and not maps.has_rounds
        and coalesce({{ json_array_has('maps.playing_players', 'history_players.player_id') }}, true)
    union all
    select
        maps.series_id,
        maps.map_number,
        rosters.player_id,
        case when rosters.has_certainly_played then 2 else 3 end as source_priority
    from maps
    inner join rosters on maps.series_id = rosters.match_id
    where maps.is_played
        and not maps.has_rounds
        and not maps.is_in_history
        and rosters.has_played

),

players as (

    select
        series_id,
        map_number,
        player_id,
        min(source_priority) as source_priority
    from candidates
    group by series_id, map_number, player_id

),

players_with_side as (

    select
        players.series_id,
        players.map_number,
        players.player_id,
        players.source_priority,
        coalesce(team_sides.side, history_players.faction, rosters.faction) as side,
        coalesce(history_players.skill_level, rosters.skill_level) as skill_level
    from players
    left join map_players
        on players.series_id = map_players.match_id
            and players.map_number = map_players.match_round
            and players.player_id = map_players.player_id
    left join team_sides
        on map_players.match_id = team_sides.series_id
            and map_players.team_id = team_sides.team_id
    left join history_players
        on players.series_id = history_players.match_id
            and players.player_id = history_players.player_id
    left join rosters
        on players.series_id = rosters.match_id
            and players.player_id = rosters.player_id

),

-- A side has five slots; further players are left out.
ranked as (

    select
        *,
        row_number() over (partition by series_id, map_number, side order by source_priority, player_id) as row_rank
    from players_with_side
    where side in ('faction1', 'faction2')

),

slots as (

    select
        series_id,
        map_number,
        player_id,
        skill_level,
        side,
        case side when 'faction1' then 'faction2' else 'faction1' end as other_side,
        -- The side of a bye has no players.
        min(side) over (partition by series_id, map_number)
        <> max(side) over (partition by series_id, map_number) as has_opponents,
        cast(
            row_number() over (partition by series_id, map_number, side order by player_id)
            + case side when 'faction1' then -1 else 4 end as integer
        ) as player_slot,
        count(*) over (partition by series_id, map_number, side) as side_players
    from ranked
    where row_rank <= 5

)
{%- endmacro %}
