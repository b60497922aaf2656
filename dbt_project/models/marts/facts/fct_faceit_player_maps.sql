{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'match_id', 'player_slot'],
        meta={
            'changes': 'stg_faceit__match_changes',
            'change_key': ['series_id'],
            'has_feed': true,
        },
        indexes=[{'columns': ['series_id']}, {'columns': ['game', 'player_id', 'played_at']}]
    )
}}
{{- depends_on_in_hooks('stg_faceit__match_changes') }}

with {{ faceit_series() }},

{{ faceit_maps() }},

{{ faceit_slots() }},

{{ faceit_modes() }},

{{ faceit_statistics() }},

{{ faceit_map_ids() }},

described as (

    select
        maps.game,
        maps.match_id,
        slots.player_slot,
        maps.series_id,
        maps.map_number,
        {{ valid_faceit_player_id('slots.player_id') }} as player_id,
        slots.side,
        maps.played_at,
        {{ utc_date('maps.played_at') }} as played_date,
        maps.duration_s,
        slots.side = maps.winner as is_win,
        maps.is_draw,
        case
            when maps.is_decided and slots.has_opponents
                then slots.side = coalesce(maps.series_winner, case when maps.is_single then maps.winner end)
        end as is_series_win,
        maps.is_decided and slots.has_opponents and maps.is_series_draw as is_series_draw,
        series_modes.mode,
        maps.is_decided and slots.has_opponents and (maps.winner is not null or maps.is_draw) as is_counted,
        map_ids.map_id,
        slots.skill_level,
        cast(
            round(avg(slots.skill_level) over (partition by maps.series_id, maps.map_number)) as integer
        ) as average_rank,
        case when sides.is_premade then sides.team_id end as team_id,
        case when sides.is_premade and sides.team_id is not null then sides.team_name end as team_name,
        case when opponents.is_premade then opponents.team_id end as opponent_team_id,
        case when maps.competition_type = 'championship' then maps.competition_id end as league_id,
        case when maps.competition_type = 'championship' then maps.competition_name end as league_name,
        maps.has_details,
        coalesce(
            scores.score,
            {{ faceit_map_rounds('slots.side') }},
            case when maps.is_single then {{ faceit_result('slots.side', is_rounds=true) }} end
        ) as score,
        coalesce(
            opponent_scores.score,
            {{ faceit_map_rounds('slots.other_side') }},
            case when maps.is_single then {{ faceit_result('slots.other_side', is_rounds=true) }} end
        ) as opponent_score,
        case when not maps.is_single then {{ faceit_result('slots.side', is_rounds=false) }} end as maps_won,
        case when not maps.is_single then {{ faceit_result('slots.other_side', is_rounds=false) }} end as maps_lost,
        maps.rounds,
        player_statistics.kills,
        player_statistics.deaths,
        player_statistics.assists,
        player_statistics.mvps,
        player_statistics.headshots,
        player_statistics.damage,
        cast(case when abs(player_statistics.adr) < 1e6 then player_statistics.adr end as numeric(12, 4)) as adr,
        player_statistics.double_kills,
        player_statistics.triple_kills,
        player_statistics.quadro_kills,
        player_statistics.penta_kills,
        {%- for column in faceit_match_statistics().split() %}
        player_statistics.{{ column }},
        {%- endfor %}
        -- FACEIT has no KAST.
        cast(null as numeric(8, 6)) as kast_share
    from slots
    inner join maps
        on slots.series_id = maps.series_id
            and slots.map_number = maps.map_number
    inner join series_modes on slots.series_id = series_modes.series_id
    left join map_ids
        on maps.series_id = map_ids.series_id
            and maps.map_number = map_ids.map_number
    left join sides
        on slots.series_id = sides.series_id
            and slots.side = sides.side
    left join sides as opponents
        on slots.series_id = opponents.series_id
            and slots.other_side = opponents.side
    left join scores
        on slots.series_id = scores.series_id
            and slots.map_number = scores.map_number
            and slots.side = scores.side
    left join scores as opponent_scores
        on slots.series_id = opponent_scores.series_id
            and slots.map_number = opponent_scores.map_number
            and slots.other_side = opponent_scores.side
    left join player_statistics
        on slots.series_id = player_statistics.series_id
            and slots.map_number = player_statistics.map_number
            and slots.player_id = player_statistics.player_id
    -- A cancelled match has no time. A decided match without a valid time is kept and belongs to no day or window.
    where maps.played_at is not null or maps.is_decided

)

select
    described.*,
    described.is_counted and coalesce(modes.is_standard, false) as is_significant,
    coalesce('level_' || cast(described.average_rank as text), 'unknown') as rank_bracket
from described
left join {{ ref('modes') }} as modes
    on described.game = modes.game
        and described.mode = modes.mode
