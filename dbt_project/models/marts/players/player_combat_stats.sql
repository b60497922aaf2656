{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id'],
        meta={'facts': ['player_performance'], 'change_key': ['game', 'player_id']}
    )
}}
{{- depends_on_in_hooks('player_performance') }}

with totals as (

    select * from {{ ref('int_player_performance_totals') }}
    where extended_matches > 0
        and {{ only_changed(['game', 'player_id']) }}

),

rated as (

    select
        game,
        player_id,
        extended_matches as matches,
        extended_rounds as rounds,
        extended_kills as kills,
        first_kills,
        entry_count,
        entry_wins,
        {{ share_within('entry_wins', 'entry_count') }} as entry_success_rate,
        clutch_kills,
        clutch_1v1_count,
        clutch_1v1_wins,
        {{ share_within('clutch_1v1_wins', 'clutch_1v1_count') }} as clutch_1v1_win_rate,
        clutch_1v2_count,
        clutch_1v2_wins,
        {{ share_within('clutch_1v2_wins', 'clutch_1v2_count') }} as clutch_1v2_win_rate,
        sniper_kills,
        pistol_kills,
        knife_kills,
        zeus_kills,
        {{ share_within('sniper_kills', 'extended_kills') }} as sniper_kill_share,
        {{ share_within('pistol_kills', 'extended_kills') }} as pistol_kill_share,
        utility_count,
        utility_successes,
        utility_enemies,
        utility_damage,
        {{ ratio('utility_damage', 'extended_rounds') }} as utility_damage_per_round,
        flash_count,
        flash_successes,
        {{ share_within('flash_successes', 'flash_count') }} as flash_success_rate,
        enemies_flashed,
        {{ ratio('enemies_flashed', 'extended_rounds') }} as enemies_flashed_per_round
    from totals

)

select * from rated
