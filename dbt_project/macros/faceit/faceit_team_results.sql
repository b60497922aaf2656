{#
    Premade factions in matches of FACEIT's games, played or awarded: one row per match and faction. For teams a match
    of several maps is one match with a score in maps; the score of a single map is in rounds.
#}
{% macro faceit_team_results() %}
with {{ faceit_series() }},

{{ faceit_maps() }},

{{ faceit_slots() }},

{{ faceit_modes() }},

-- One row per match, with the columns of its first map.
matches as (

    select
        *,
        row_number() over (partition by series_id order by map_number) as row_rank
    from maps

),

team_results as (

    select
        maps.game,
        maps.series_id as match_id,
        sides.team_id,
        sides.team_name,
        case when opponents.is_premade then opponents.team_id end as opponent_team_id,
        case when maps.competition_type = 'championship' then maps.competition_id end as league_id,
        case when maps.competition_type = 'championship' then maps.competition_name end as league_name,
        maps.played_at,
        -- A cancelled match, a bye and a match without an opponent have no winning team.
        case
            when maps.is_decided and opponents.team_id is not null
                then sides.side = coalesce(maps.series_winner, case when maps.is_single then maps.winner end)
        end as is_win,
        maps.is_decided and opponents.team_id is not null and maps.is_series_draw as is_draw,
        series_modes.mode,
        {%- for side, name in [('sides', 'score'), ('opponents', 'opponent_score')] %}
        case
            when maps.is_single
                then coalesce(
                    {{ name }}s.score,
                    {{ faceit_map_rounds(side ~ '.side') }},
                    {{ faceit_result(side ~ '.side', is_rounds=true) }}
                )
            else {{ faceit_result(side ~ '.side', is_rounds=false) }}
        end as {{ name }},
        {%- endfor %}
        sides.side
    from matches as maps
    inner join sides on maps.series_id = sides.series_id
    inner join series_modes on maps.series_id = series_modes.series_id
    left join sides as opponents
        on sides.series_id = opponents.series_id
            and sides.side <> opponents.side
    left join scores
        on maps.series_id = scores.series_id
            and maps.map_number = scores.map_number
            and sides.side = scores.side
    left join scores as opponent_scores
        on maps.series_id = opponent_scores.series_id
            and maps.map_number = opponent_scores.map_number
            and opponents.side = opponent_scores.side
    where maps.row_rank = 1
        and sides.is_premade
        and sides.team_id is not null
        -- A match without a valid time cannot be ordered among the results of a team.
        and maps.played_at is not null

)

select * from team_results
{%- endmacro %}
