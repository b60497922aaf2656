{{ config(incremental_strategy='difference', unique_key=['game', 'map_id', 'side']) }}

with totals as (

    select
        *,
        sum(matches) over (partition by game, side) as matches_of_game
    from {{ ref('int_map_side_totals') }}

),

rated as (

    select
        game,
        map_id,
        side,
        matches,
        wins,
        draws,
        matches - wins - draws as losses,
        {{ share('wins', 'matches') }} as win_rate,
        {{ wilson_low('wins', 'matches') }} as win_rate_low,
        {{ wilson_high('wins', 'matches') }} as win_rate_high,
        {{ share('matches', 'matches_of_game') }} as match_share,
        {{ ratio('rounds', 'rounds_known') }} as rounds_per_match
    from totals

)

select * from rated
