{{ config(incremental_strategy='difference', unique_key=['game', 'character_id', 'rank_bracket', 'window_days']) }}
{%- set windows = [7, 30] %}

-- Each window is compared with the window of the same length before it.
with windows as (

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

days as (

    select
        played.game,
        played.rank_bracket,
        played.matches,
        windows.window_days,
        played.played_date >= windows.window_start_date as is_now
    from {{ ref('int_match_day_totals') }} as played
    inner join windows
        on played.played_date between windows.before_start_date and windows.window_end_date

),

bracket_totals as (

    select
        game,
        rank_bracket,
        window_days,
        sum(case when is_now then matches else 0 end) as matches_now,
        sum(case when is_now then 0 else matches end) as matches_before
    from days
    group by game, rank_bracket, window_days

),

totals as (

    select * from bracket_totals
    union all
    select
        game,
        'all' as rank_bracket,
        window_days,
        sum(matches_now) as matches_now,
        sum(matches_before) as matches_before
    from bracket_totals
    group by game, window_days

),

played as (

    select
        played.game,
        played.character_id,
        played.rank_bracket,
        played.picks,
        played.wins,
        windows.window_days,
        played.played_date >= windows.window_start_date as is_now
    from {{ ref('int_character_day_totals') }} as played
    inner join windows
        on played.played_date between windows.before_start_date and windows.window_end_date

),

bracket_picks as (

    select
        game,
        character_id,
        rank_bracket,
        window_days,
        sum(case when is_now then picks else 0 end) as matches,
        sum(case when is_now then wins else 0 end) as wins,
        sum(case when is_now then 0 else picks end) as matches_before,
        sum(case when is_now then 0 else wins end) as wins_before
    from played
    group by game, character_id, rank_bracket, window_days

),

all_picks as (

    select
        game,
        character_id,
        'all' as rank_bracket,
        window_days,
        sum(matches) as matches,
        sum(wins) as wins,
        sum(matches_before) as matches_before,
        sum(wins_before) as wins_before
    from bracket_picks
    group by game, character_id, window_days

),

picks as (

    select
        game,
        character_id,
        rank_bracket,
        window_days,
        cast(matches as integer) as matches,
        cast(wins as integer) as wins,
        cast(matches_before as integer) as matches_before,
        cast(wins_before as integer) as wins_before
    from (
        select * from bracket_picks
        union all
        select * from all_picks
    ) as bracketed

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
        cast(rated.win_rate - rated.win_rate_before as numeric(8, 6)) as win_rate_change,
        {{ difference_low(
            'rated.win_rate', 'rated.win_rate_low', 'rated.win_rate_before', 'rated.win_rate_before_high'
        ) }} as win_rate_change_low,
        {{ difference_high(
            'rated.win_rate', 'rated.win_rate_high', 'rated.win_rate_before', 'rated.win_rate_before_low'
        ) }} as win_rate_change_high,
        cast(rated.pick_rate - rated.pick_rate_before as numeric(8, 6)) as pick_rate_change,
        windows.window_start_date,
        windows.window_end_date
    from rated
    inner join windows on rated.window_days = windows.window_days

)

select * from compared
