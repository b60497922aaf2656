{%- set periods = {'all': none, '30d': 30, '7d': 7} -%}
with matches as (

    select
        game,
        player_id,
        played_date,
        played_at,
        case when is_significant then 1 else 0 end as matches,
        case when is_significant and is_win then 1 else 0 end as wins
    from {{ ref('fct_player_matches') }}
    where player_id is not null

),

summed as (

    select
        matches.game,
        matches.player_id,
        {%- for period, days in periods.items() %}
        {%- set in_period %}
        {%- if days %}
            played_date > {{ add_days('as_of.as_of_date', -days) }} and played_date <= as_of.as_of_date
        {%- else %}
            true
        {%- endif %}
        {%- endset %}
        sum(case when {{ in_period }} then matches.matches else 0 end) as matches_{{ period }},
        sum(case when {{ in_period }} then matches.wins else 0 end) as wins_{{ period }},
        max(case when matches.matches = 1 and {{ in_period }} then matches.played_at end) as last_played_at_{{ period }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from matches
    cross join {{ ref('int_as_of_date') }} as as_of
    group by matches.game, matches.player_id

),

periods as (

    {%- for period in periods %}
    select
        game,
        player_id,
        '{{ period }}' as period,
        cast(matches_{{ period }} as integer) as matches,
        cast(wins_{{ period }} as integer) as wins,
        last_played_at_{{ period }} as last_played_at
    from summed
    {{ "union all" if not loop.last }}
    {%- endfor %}

),

rated as (

    select
        game,
        player_id,
        period,
        matches,
        wins,
        matches - wins as losses,
        {{ share('wins', 'matches') }} as win_rate,
        {{ wilson_low('wins', 'matches') }} as win_rate_low,
        {{ wilson_high('wins', 'matches') }} as win_rate_high,
        last_played_at
    from periods

)

select * from rated
