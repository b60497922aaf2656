{%- set windows = [7, 30] -%}

with played as (

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
        played.game,
        played.character_id,
        played.rank_bracket,
        played.match_id,
        played.is_win,
        windows.window_days,
        played.played_date >= windows.window_start_date as is_now
    from played
    inner join windows
        on played.played_date between windows.before_start_date and windows.window_end_date

),

-- Distinct first and counted then: a hash of matches is much cheaper than sorting them for count(distinct).
bracket_matches as (

    select distinct
        game,
        rank_bracket,
        window_days,
        is_now,
        match_id
    from slots

),

all_matches as (

    select distinct
        game,
        'all' as rank_bracket,
        window_days,
        is_now,
        match_id
    from bracket_matches

),

totals as (

    select
        game,
        rank_bracket,
        window_days,
        sum(case when is_now then 1 else 0 end) as matches_now,
        sum(case when is_now then 0 else 1 end) as matches_before
    from (
        select * from bracket_matches
        union all
        select * from all_matches
    ) as matches
    group by game, rank_bracket, window_days

),

bracket_picks as (

    select
        game,
        character_id,
        rank_bracket,
        window_days,
        sum(case when is_now then 1 else 0 end) as matches,
        sum(case when is_now and is_win then 1 else 0 end) as wins,
        sum(case when is_now then 0 else 1 end) as matches_before,
        sum(case when is_win and not is_now then 1 else 0 end) as wins_before
    from slots
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
