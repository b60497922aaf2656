{%- set windows = [30, 7] %}
{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id', 'mode', 'period'],
        meta={
            'facts': ['fct_player_matches'],
            'change_key': ['game', 'player_id'],
            'windows': {'totals': 'int_player_day_totals', 'lengths': windows},
        }
    )
}}
{{- depends_on_in_hooks('fct_player_matches') }}

with totals as (

    select * from {{ ref('int_player_totals') }}
    -- A mode without counted matches has no record.
    where matches > 0
        and {{ only_changed(['game', 'player_id']) }}

),

-- A window ends on the as_of_date, which is included.
days as (

    select
        {%- for window in windows %}
        played.played_date >= {{ add_days('bounds.as_of_date', 1 - window) }} as is_in_{{ window }}d,
        {%- endfor %}
        played.game,
        played.player_id,
        played.mode,
        played.matches,
        played.wins,
        played.draws,
        played.last_played_at
    from {{ ref('int_as_of_date') }} as bounds
    inner join {{ ref('int_player_day_totals') }} as played
        on played.played_date between {{ add_days('bounds.as_of_date', 1 - windows | max) }} and bounds.as_of_date
    where {{ only_changed(['played.game', 'played.player_id'], key=['game', 'player_id']) }}

),

windowed as (

    select
        {%- for window in windows %}
        sum(case when is_in_{{ window }}d then matches else 0 end) as matches_{{ window }}d,
        sum(case when is_in_{{ window }}d then wins else 0 end) as wins_{{ window }}d,
        sum(case when is_in_{{ window }}d then draws else 0 end) as draws_{{ window }}d,
        max(case when is_in_{{ window }}d then last_played_at end) as last_played_at_{{ window }}d,
        {%- endfor %}
        game,
        player_id,
        mode
    from days
    group by game, player_id, mode

),

periods as (

    select
        game,
        player_id,
        mode,
        'all' as period,
        matches,
        wins,
        draws,
        last_played_at
    from totals
    {%- for window in windows %}

    union all

    select
        totals.game,
        totals.player_id,
        totals.mode,
        '{{ window }}d' as period,
        cast(coalesce(windowed.matches_{{ window }}d, 0) as integer) as matches,
        cast(coalesce(windowed.wins_{{ window }}d, 0) as integer) as wins,
        cast(coalesce(windowed.draws_{{ window }}d, 0) as integer) as draws,
        windowed.last_played_at_{{ window }}d as last_played_at
    from totals
    left join windowed
        on totals.game = windowed.game
            and totals.player_id = windowed.player_id
            and totals.mode = windowed.mode
    {%- endfor %}

),

rated as (

    select
        game,
        player_id,
        mode,
        period,
        matches,
        wins,
        draws,
        matches - wins - draws as losses,
        {{ share('wins', 'matches') }} as win_rate,
        {{ wilson_low('wins', 'matches') }} as win_rate_low,
        {{ wilson_high('wins', 'matches') }} as win_rate_high,
        last_played_at
    from periods

)

select * from rated
