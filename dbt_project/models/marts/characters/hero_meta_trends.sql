{%- set windows = [7, 30] -%}

with days as (

    select
        game,
        character_id,
        rank_bracket,
        match_id,
        played_date,
        is_win
    from {{ ref('fct_player_matches') }}
    where is_significant

),

-- A window is followed by the one of the same length before it.
windows as (

    {%- for days in windows %}
    select
        {{ days }} as window_days,
        {{ add_days('as_of_date', 1 - days) }} as window_start_date,
        as_of_date as window_end_date,
        {{ add_days('as_of_date', 1 - 2 * days) }} as before_start_date
    from {{ ref('int_as_of_date') }}
    where as_of_date is not null
    {{ "union all" if not loop.last }}
    {%- endfor %}

),

slots as (

    select
        days.game,
        days.character_id,
        days.rank_bracket,
        days.match_id,
        days.is_win,
        windows.window_days,
        days.played_date >= windows.window_start_date as is_now
    from days
    inner join windows
        on days.played_date between windows.before_start_date and windows.window_end_date

),

bracketed as (

    select
        game,
        character_id,
        rank_bracket,
        match_id,
        is_win,
        window_days,
        is_now
    from slots
    union all
    select
        game,
        character_id,
        'all' as rank_bracket,
        match_id,
        is_win,
        window_days,
        is_now
    from slots

),

totals as (

    select
        game,
        rank_bracket,
        window_days,
        count(distinct case when is_now then match_id end) as matches_now,
        count(distinct case when not is_now then match_id end) as matches_before
    from bracketed
    group by game, rank_bracket, window_days

),

picks as (

    select
        game,
        character_id,
        rank_bracket,
        window_days,
        cast(sum(case when is_now then 1 else 0 end) as integer) as matches,
        cast(sum(case when is_now and is_win then 1 else 0 end) as integer) as wins,
        cast(sum(case when is_now then 0 else 1 end) as integer) as matches_before,
        cast(sum(case when is_win and not is_now then 1 else 0 end) as integer) as wins_before
    from bracketed
    group by game, character_id, rank_bracket, window_days

),

rated as (

    select
        picks.*,
        {{ share('picks.wins', 'picks.matches') }} as win_rate,
        {{ wilson_low('picks.wins', 'picks.matches') }} as win_rate_low,
        {{ wilson_high('picks.wins', 'picks.matches') }} as win_rate_high,
        {{ share('picks.matches', 'totals.matches_now') }} as pick_rate,
        {{ share('picks.wins_before', 'picks.matches_before') }} as win_rate_before,
        {{ wilson_low('picks.wins_before', 'picks.matches_before') }} as win_rate_before_low,
        {{ wilson_high('picks.wins_before', 'picks.matches_before') }} as win_rate_before_high,
        {{ share('picks.matches_before', 'totals.matches_before') }} as pick_rate_before
    from picks
    inner join totals
        on picks.game = totals.game
            and picks.rank_bracket = totals.rank_bracket
            and picks.window_days = totals.window_days

),

compared as (

    select
        rated.game,
        rated.character_id,
        rated.rank_bracket,
        rated.window_days,
        rated.matches,
        rated.wins,
        rated.win_rate,
        rated.win_rate_low,
        rated.win_rate_high,
        rated.pick_rate,
        rated.matches_before,
        rated.win_rate_before,
        rated.pick_rate_before,
        rated.win_rate - rated.win_rate_before as win_rate_change,
        {{ difference_low(
            'rated.win_rate', 'rated.win_rate_low', 'rated.win_rate_before', 'rated.win_rate_before_high'
        ) }} as win_rate_change_low,
        {{ difference_high(
            'rated.win_rate', 'rated.win_rate_high', 'rated.win_rate_before', 'rated.win_rate_before_low'
        ) }} as win_rate_change_high,
        rated.pick_rate - rated.pick_rate_before as pick_rate_change,
        windows.window_start_date,
        windows.window_end_date
    from rated
    inner join windows on rated.window_days = windows.window_days

)

select * from compared
