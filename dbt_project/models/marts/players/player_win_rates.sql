{%- set periods = ['all', '30d', '7d'] %}

with bounds as (

    select
        as_of_date,
        {{ add_days('as_of_date', -29) }} as first_date_30d,
        {{ add_days('as_of_date', -6) }} as first_date_7d
    from {{ ref('int_as_of_date') }}

),

matches as (

    select
        played.game,
        played.player_id,
        played.played_at,
        played.is_win,
        played.is_significant as is_in_all,
        played.is_significant
        and played.played_date between bounds.first_date_30d and bounds.as_of_date as is_in_30d,
        played.is_significant
        and played.played_date between bounds.first_date_7d and bounds.as_of_date as is_in_7d
    from {{ ref('fct_player_matches') }} as played
    cross join bounds
    where played.player_id is not null

),

summed as (

    select
        {%- for period in periods %}
        sum(case when is_in_{{ period }} then 1 else 0 end) as matches_{{ period }},
        sum(case when is_in_{{ period }} and is_win then 1 else 0 end) as wins_{{ period }},
        max(case when is_in_{{ period }} then played_at end) as last_played_at_{{ period }},
        {%- endfor %}
        game,
        player_id
    from matches
    group by game, player_id

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
