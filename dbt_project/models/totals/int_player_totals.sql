{{
    config(
        unique_key=['game', 'player_id'],
        meta={'facts': ['fct_player_matches'], 'counts': 'slots', 'latest': ['last_seen_at', 'last_played_at']},
        post_hook=[
            "{{ refill_latest('last_seen_at', newest_match(['player_id'], is_significant=false)) }}",
            "{{ refill_latest('last_played_at', newest_match(['player_id'])) }}",
            "{{ record_positions() }}",
        ]
    )
}}
{%- set measured = ['kills', 'deaths', 'assists', 'gold_per_min', 'xp_per_min', 'last_hits', 'hero_damage'] %}

with slots as (

    select * from {{ signed(ref('fct_player_matches')) }} as slots
    where player_id is not null

),

summed as (

    select
        game,
        player_id,
        cast({{ signed_count() }} as integer) as slots,
        cast({{ signed_sum('case when is_significant then 1 else 0 end') }} as integer) as matches,
        cast({{ signed_sum('case when is_significant and is_win then 1 else 0 end') }} as integer) as wins,
        {%- for column in measured %}
        {%- set known = 'is_significant and ' ~ column ~ ' is not null' %}
        cast({{ signed_sum('case when ' ~ known ~ ' then 1 else 0 end') }} as integer) as {{ column }}_matches,
        cast({{ signed_sum('case when ' ~ known ~ ' then ' ~ column ~ ' else 0 end') }} as bigint) as {{ column }}_total,
        cast({{ signed_sum('case when ' ~ known ~ ' then duration_s else 0 end') }} as bigint) as {{ column }}_duration_s,
        {%- endfor %}
        {{ signed_latest('played_at') }} as last_seen_at,
        {{ signed_latest('case when is_significant then played_at end') }} as last_played_at
    from slots
    group by game, player_id

)

select * from summed
