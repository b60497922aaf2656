{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id', 'map_id'],
        meta={
            'facts': ['fct_player_matches'],
            'change_key': ['game', 'player_id', 'map_id'],
        }
    )
}}
{{- depends_on_in_hooks('fct_player_matches') }}

with totals as (

    select * from {{ ref('int_player_map_totals') }}
    where {{ only_changed(['game', 'player_id', 'map_id']) }}

),

known as (

    select
        game,
        player_id,
        map_id,
        matches,
        wins,
        draws,
        case when rounds_known > 0 then rounds end as rounds,
        case when kills_known > 0 then kills end as kills,
        case when deaths_known > 0 then deaths end as deaths,
        case when assists_known > 0 then assists end as assists,
        last_played_at
    from totals

),

rated as (

    select
        game,
        player_id,
        map_id,
        matches,
        wins,
        draws,
        matches - wins - draws as losses,
        {{ share('wins', 'matches') }} as win_rate,
        {{ wilson_low('wins', 'matches') }} as win_rate_low,
        {{ wilson_high('wins', 'matches') }} as win_rate_high,
        rounds,
        kills,
        deaths,
        assists,
        {{ kd_ratio('kills', 'deaths') }} as kd_ratio,
        last_played_at
    from known

)

select * from rated
