{{ config(incremental_strategy='difference', unique_key=['game', 'player_id', 'metric']) }}
{#- A metric is total / count over the matches in which its inputs are known. #}
{%- set per_match = {
    'kills_per_match': 'kills', 'deaths_per_match': 'deaths', 'assists_per_match': 'assists',
    'gold_per_min': 'gold_per_min', 'xp_per_min': 'xp_per_min',
} %}
{%- set per_minute = {'last_hits_per_min': 'last_hits', 'hero_damage_per_min': 'hero_damage'} %}
{#- Metrics of statistics that only some games have: total, count, and matches in which both are known. #}
{%- set of_performance = {
    'kd_ratio': ['deaths_kills', 'greatest(deaths, 1)', 'deaths_matches'],
    'adr': ['rounds_damage', 'damage_rounds', 'damage_matches'],
    'headshot_share': ['headshots', 'headshots_kills', 'headshots_matches'],
    'hltv_rating_1': ['hltv_rating_1_total', 'rated_matches', 'rated_matches'],
} %}
{%- set min_matches = 10 %}

with summed as (

    select * from {{ ref('int_player_totals') }}
    where matches > 0
        and {{ is_standard_mode() }}

),

measured as (

    select
        game,
        player_id,
        'win_rate' as metric,
        {{ ratio('wins', 'matches') }} as value,
        matches
    from summed

    union all

    select
        game,
        player_id,
        'kda' as metric,
        {{ kda('kills_total', 'deaths_total', 'assists_total') }} as value,
        least(kills_matches, deaths_matches, assists_matches) as matches
    from summed
    {%- for metric, column in per_match.items() %}

    union all

    select
        game,
        player_id,
        '{{ metric }}' as metric,
        {{ ratio(column ~ '_total', column ~ '_matches') }} as value,
        {{ column }}_matches as matches
    from summed
    {%- endfor %}
    {%- for metric, column in per_minute.items() %}

    union all

    select
        game,
        player_id,
        '{{ metric }}' as metric,
        {{ ratio(column ~ '_total * 60', column ~ '_duration_s') }} as value,
        {{ column }}_matches as matches
    from summed
    {%- endfor %}
    {%- for metric, (total, count, matches) in of_performance.items() %}

    union all

    select
        game,
        player_id,
        '{{ metric }}' as metric,
        {{ ratio(total, count) }} as value,
        {{ matches }} as matches
    from {{ ref('int_player_performance_totals') }}
    {%- endfor %}

),

known as (

    select * from measured
    where value is not null

),

qualified as (

    select
        known.game,
        known.player_id,
        known.metric,
        known.value,
        cast(known.matches as integer) as matches,
        players.rank_bracket
    from known
    inner join {{ ref('dim_players') }} as players
        on known.game = players.game
            and known.player_id = players.player_id
    where known.matches >= {{ min_matches }}

),

-- cume_dist() from counts, because the function returns a float.
counted as (

    select
        *,
        count(*) over (partition by game, metric order by value) as not_above_all,
        count(*) over (partition by game, metric) as players_all,
        count(*) over (partition by game, metric, rank_bracket order by value) as not_above_bracket,
        count(*) over (partition by game, metric, rank_bracket) as players_bracket
    from qualified

),

percentiles as (

    select
        game,
        player_id,
        metric,
        value,
        matches,
        rank_bracket,
        {{ share('not_above_all', 'players_all') }} as percentile_all,
        {{ share('not_above_bracket', 'players_bracket') }} as percentile_bracket
    from counted

)

select * from percentiles
