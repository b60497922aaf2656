{#
    CTEs `maps` (the maps of a match) and `scores` (the rounds that each side won on a map).

    A match of several maps becomes one match per map in the marts: `<match>:<map>`. Maps are known from statistics or
    from the results in the details; a match without known maps is one map.

    Awarded and forfeited maps have a result and were not played (`is_played` is false). These are: a map of several
    with the result 1:0, which is not a number of rounds, and without statistics; a map whose statistics say that it was
    not played; and a finished match that never started and has neither statistics nor rounds. A single map that started
    was played; its result 1:0 means won.
#}
{% macro faceit_maps() %}
{#- Greater round numbers are ignored as invalid. -#}
{%- set max_maps = 9 -%}
reported_rounds as (

    select * from {{ ref('stg_faceit__match_rounds') }}
    where match_round between 1 and {{ max_maps }}
        and {{ only_changed_series('match_id') }}

),

map_rounds as (

    select * from reported_rounds
    where is_played

),

listed as (

    select * from {{ ref('stg_faceit__player_match_stats') }}
    where match_round between 1 and {{ max_maps }}
        and {{ only_changed_series('match_id') }}

),

listed_maps as (

    select
        match_id,
        match_round,
        max(map_id) as map_id,
        max(winner_team_id) as winner_team_id,
        max(best_of) as best_of,
        max(game_mode) as game_mode,
        max(rounds) as rounds,
        max(case when is_tied then 1 else 0 end) = 1 as is_tied
    from listed
    group by match_id, match_round

),

results as (

    select
        series.series_id as match_id,
        numbers.number as match_round,
        {{ json_item('series.detailed_results', 'numbers.number - 1') }} as map_result
    from series
    cross join (
        {%- for number in range(1, max_maps + 1) %}
        select {{ number }} as number {{ "union all" if not loop.last }}
        {%- endfor %}
    ) as numbers

),

decided_results as (

    select
        match_id,
        match_round,
        {{ json_text('map_result', 'winner') }} as winner,
        {{ is_tied_result('map_result') }} as is_tied,
        {%- for side in ['faction1', 'faction2'] %}
        {{ faceit_side_score('map_result', side) }} as {{ side }}_rounds,
        {%- endfor %}
        greatest(
            {{ faceit_side_score('map_result', 'faction1') }}, {{ faceit_side_score('map_result', 'faction2') }}
        ) as max_rounds
    from results
    where {{ json_text('map_result', 'winner') }} in ('faction1', 'faction2')
        or {{ is_tied_result('map_result') }}

),

known_maps as (

    select
        match_id,
        match_round
    from map_rounds
    union
    select
        match_id,
        match_round
    from listed_maps
    union
    select
        match_id,
        match_round
    from decided_results

),

-- Maps whose statistics have equal rounds for both sides.
tied_rounds as (

    select
        match_id,
        match_round
    from map_teams
    group by match_id, match_round
    having count(score) = 2
        and min(score) = max(score)
        and min(score) >= {{ faceit_min_draw_rounds() }}

),

described_by_maps as (

    select
        match_id,
        max(best_of) as best_of,
        max(game_mode) as game_mode
    from (
        select
            match_id,
            best_of,
            game_mode
        from map_rounds
        union all
        select
            match_id,
            best_of,
            game_mode
        from listed_maps
    ) as map_descriptions
    group by match_id

),

numbered_maps as (

    select
        series.*,
        case when series.winner in ('faction1', 'faction2') then series.winner end as series_winner,
        coalesce(series.best_of, described_by_maps.best_of) as max_maps,
        coalesce(series.game_mode, described_by_maps.game_mode) as mode_text,
        known_maps.match_round is not null as is_known,
        coalesce(known_maps.match_round, 1) as map_number,
        count(*) over (partition by series.series_id) = 1
        and coalesce(series.best_of, described_by_maps.best_of, 1) = 1 as is_single
    from series
    left join known_maps on series.series_id = known_maps.match_id
    left join described_by_maps on series.series_id = described_by_maps.match_id

),

-- Statistics name the winner of a map by side, team id or team name, in any case. Ambiguous names are left out.
winner_names as (

    select
        series_id,
        lower(name) as name,
        min(side) as side
    from (
        select
            series_id,
            team_id as name,
            side
        from team_sides
        {%- for column in ['team_name', 'side'] %}
        union all
        select
            series_id,
            {{ column }} as name,
            side
        from sides
        {%- endfor %}
    ) as names
    group by series_id, lower(name)
    having min(side) = max(side)

),

decided_maps as (

    select
        numbered_maps.series_id,
        numbered_maps.map_number,
        numbered_maps.game,
        case
            when numbered_maps.is_single then numbered_maps.series_id
            else numbered_maps.series_id || ':' || cast(numbered_maps.map_number as text)
        end as match_id,
        numbered_maps.played_at,
        case when numbered_maps.is_single then numbered_maps.duration_s end as duration_s,
        numbered_maps.is_single,
        numbered_maps.is_known,
        numbered_maps.is_decided,
        numbered_maps.series_winner,
        numbered_maps.max_maps,
        numbered_maps.mode_text,
        numbered_maps.side_size,
        {{ is_tied_series(
            'numbered_maps.winner', 'numbered_maps.faction1_score', 'numbered_maps.faction2_score',
            'numbered_maps.max_maps'
        ) }} as is_tied_series,
        numbered_maps.faction1_score,
        numbered_maps.faction2_score,
        numbered_maps.competition_id,
        numbered_maps.competition_name,
        numbered_maps.competition_type,
        numbered_maps.has_details or map_rounds.match_id is not null as has_details,
        numbered_maps.is_in_history,
        numbered_maps.playing_players,
        map_rounds.match_id is not null as has_rounds,
        -- The vote is the last resort for the map that was played.
        coalesce(
            map_rounds.map_id,
            listed_maps.map_id,
            {{ normalized_map(json_item_text('numbered_maps.map_pick', 'numbered_maps.map_number - 1')) }}
        ) as reported_map_id,
        numbered_maps.map_entities,
        coalesce(map_rounds.rounds, listed_maps.rounds) as rounds,
        {%- for side in ['faction1', 'faction2'] %}
        case when decided_results.max_rounds > 1 then decided_results.{{ side }}_rounds end as {{ side }}_rounds,
        {%- endfor %}
        case
            when map_rounds.match_id is not null or listed_maps.match_id is not null then true
            when decided_results.max_rounds > 1 then true
            when unplayed_rounds.match_id is not null then false
            when decided_results.max_rounds is not null and not numbered_maps.is_single then false
            when numbered_maps.is_decided
                then numbered_maps.is_started
                    or coalesce(greatest(numbered_maps.faction1_score, numbered_maps.faction2_score) > 5, false)
            else true
        end as is_played,
        -- A single map, and a match without known maps, has the result of the match; other maps have their own.
        coalesce(
            case when numbered_maps.is_single or not numbered_maps.is_known then numbered_maps.series_winner end,
            winners.side,
            listed_winners.side,
            case when decided_results.winner in ('faction1', 'faction2') then decided_results.winner end
        ) as winner,
        -- A map with a named winner is no draw, even if the name matches no side.
        coalesce(map_rounds.winner_team_id, listed_maps.winner_team_id) is null
        and (
            coalesce(map_rounds.is_tied, false)
            or tied_rounds.match_id is not null
            or coalesce(listed_maps.is_tied, false)
            or coalesce(decided_results.is_tied, false)
        ) as is_tied_map
    from numbered_maps
    left join map_rounds
        on numbered_maps.series_id = map_rounds.match_id
            and numbered_maps.map_number = map_rounds.match_round
    left join listed_maps
        on numbered_maps.series_id = listed_maps.match_id
            and numbered_maps.map_number = listed_maps.match_round
    left join reported_rounds as unplayed_rounds
        on numbered_maps.series_id = unplayed_rounds.match_id
            and numbered_maps.map_number = unplayed_rounds.match_round
            and not unplayed_rounds.is_played
    left join decided_results
        on numbered_maps.series_id = decided_results.match_id
            and numbered_maps.map_number = decided_results.match_round
    left join tied_rounds
        on map_rounds.match_id = tied_rounds.match_id
            and map_rounds.match_round = tied_rounds.match_round
    left join winner_names as winners
        on map_rounds.match_id = winners.series_id
            and lower(map_rounds.winner_team_id) = winners.name
    left join winner_names as listed_winners
        on listed_maps.match_id = listed_winners.series_id
            and lower(listed_maps.winner_team_id) = listed_winners.name

),

maps as (

    select
        *,
        winner is null
        and (
            is_tied_map
            or ((is_single or not is_known) and is_tied_series)
        ) as is_draw,
        -- A match without its own result is a draw if its maps are.
        coalesce(series_winner, case when is_single then winner end) is null
        and (
            is_tied_series
            or (is_single and is_tied_map)
            or {{ is_tied_by_maps() }}
        ) as is_series_draw
    from decided_maps

),

scores as (

    select
        map_teams.match_id as series_id,
        map_teams.match_round as map_number,
        team_sides.side,
        max(map_teams.score) as score
    from map_teams
    inner join team_sides
        on map_teams.match_id = team_sides.series_id
            and map_teams.team_id = team_sides.team_id
    left join reported_rounds
        on map_teams.match_id = reported_rounds.match_id
            and map_teams.match_round = reported_rounds.match_round
    where coalesce(reported_rounds.is_played, true)
    group by map_teams.match_id, map_teams.match_round, team_sides.side

)
{%- endmacro %}


{#
    The score of a side in the match's result: maps, or rounds for a single map (some results show 1 and 0 instead). A
    match is won with five maps at most, a map with more rounds than that.

    is_rounds: whether the caller needs rounds; otherwise maps.
#}
{% macro faceit_result(side, is_rounds) -%}
    case
        when greatest(maps.faction1_score, maps.faction2_score) {{ '>' if is_rounds else '<=' }} 5
            then case {{ side }} when 'faction1' then maps.faction1_score else maps.faction2_score end
    end
{%- endmacro %}


{# The score of a side in an entry of `detailed_results`: rounds, or 1 and 0 for won and lost. #}
{% macro faceit_side_score(map_result, side_name) -%}
    {{ json_integer(json_value(json_value(map_result, 'factions'), side_name), 'score') }}
{%- endmacro %}


{# The rounds that a side won according to the map's result; null if it has none. #}
{% macro faceit_map_rounds(side) -%}
    case {{ side }} when 'faction1' then maps.faction1_rounds when 'faction2' then maps.faction2_rounds end
{%- endmacro %}
