{%- set periods = ['all', '30d', '7d'] %}
{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id', 'period'],
        meta={
            'facts': ['fct_player_matches'],
            'change_key': ['game', 'player_id'],
            'windows': {'totals': 'int_player_day_totals', 'lengths': [30, 7]},
        }
    )
}}
{{- depends_on_in_hooks('fct_player_matches', 'int_player_day_totals', 'int_as_of_date') }}

-- Every player with a match has a record, also without matches of the standard mode.
with players as (

    select distinct
        game,
        player_id
    from {{ ref('int_player_totals') }}
    where {{ only_changed(['game', 'player_id']) }}

),

periods as (

    {%- for period in periods %}
    select '{{ period }}' as period {{ "union all" if not loop.last }}
    {%- endfor %}

),

records as (

    select * from {{ ref('player_mode_win_rates') }}
    where {{ is_standard_mode() }}
        and {{ only_changed(['game', 'player_id']) }}

),

combined as (

    select
        players.game,
        players.player_id,
        periods.period,
        coalesce(records.matches, 0) as matches,
        coalesce(records.wins, 0) as wins,
        coalesce(records.draws, 0) as draws,
        coalesce(records.losses, 0) as losses,
        records.win_rate,
        records.win_rate_low,
        records.win_rate_high,
        records.last_played_at
    from players
    cross join periods
    left join records
        on players.game = records.game
            and players.player_id = records.player_id
            and periods.period = records.period

)

select * from combined
