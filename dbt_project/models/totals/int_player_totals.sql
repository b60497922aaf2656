{{
    config(
        unique_key=['game', 'player_id', 'mode'],
        meta={
            'facts': ['fct_player_matches'],
            'count_column': 'slots',
            'max_columns': ['last_seen_at', 'last_played_at'],
        },
        post_hook=[
            "{{ recompute_max('last_seen_at', newest_match(['player_id', 'mode'], is_counted=false)) }}",
            "{{ recompute_max('last_played_at', newest_match(['player_id', 'mode'])) }}",
        ]
    )
}}
{%- set measured = ['kills', 'deaths', 'assists', 'gold_per_min', 'xp_per_min', 'last_hits', 'hero_damage'] %}

with slots as (

    select * from {{ signed(ref('fct_player_matches')) }}
    where player_id is not null

),

summed as (

    select
        game,
        player_id,
        mode,
        cast({{ signed_count() }} as integer) as slots,
        cast({{ signed_sum('case when is_counted then 1 else 0 end') }} as integer) as matches,
        cast({{ signed_sum('case when is_counted and is_win then 1 else 0 end') }} as integer) as wins,
        cast({{ signed_sum('case when is_counted and is_draw then 1 else 0 end') }} as integer) as draws,
        {%- for column in measured %}
        {%- set known = 'is_counted and ' ~ column ~ ' is not null' %}
        cast({{ signed_sum('case when ' ~ known ~ ' then 1 else 0 end') }} as integer) as {{ column }}_matches,
        cast(
            {{ signed_sum('case when ' ~ known ~ ' then ' ~ column ~ ' else 0 end') }} as bigint
        ) as {{ column }}_total,
        cast(
            {{ signed_sum('case when ' ~ known ~ ' then duration_s else 0 end') }} as bigint
        ) as {{ column }}_duration_s,
        {%- endfor %}
        {{ max_added('played_at') }} as last_seen_at_added,
        {{ max_removed('played_at') }} as last_seen_at_removed,
        {{ max_added('case when is_counted then played_at end') }} as last_played_at_added,
        {{ max_removed('case when is_counted then played_at end') }} as last_played_at_removed
    from slots
    group by game, player_id, mode

),

resolved as (

    select
        game,
        player_id,
        mode,
        slots,
        matches,
        wins,
        draws,
        {%- for column in measured %}
        {{ column }}_matches,
        {{ column }}_total,
        {{ column }}_duration_s,
        {%- endfor %}
        {{ resolve_max('last_seen_at') }} as last_seen_at,
        {{ resolve_max('last_played_at') }} as last_played_at
    from summed

)

select * from resolved
