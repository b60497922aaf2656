{{
    config(
        unique_key=['game', 'player_id'],
        meta={'facts': ['player_performance'], 'count_column': 'matches'}
    )
}}
{%- set measured = [
    'kills', 'deaths', 'assists', 'headshots', 'damage', 'mvps', 'double_kills', 'triple_kills', 'quadro_kills',
    'penta_kills'
] %}

with performances as (

    select
        *,
        -- The statistics of a match have all extended columns or none.
        first_kills is not null as is_extended
    from {{ signed(ref('player_performance')) }}
    where is_significant

),

summed as (

    select
        game,
        player_id,
        {%- for column in measured %}
        cast({{ signed_sum(column) }} as bigint) as {{ column }},
        {%- endfor %}
        {%- for column in faceit_match_statistics().split() %}
        cast({{ signed_sum('case when is_extended then ' ~ column ~ ' end') }} as bigint) as {{ column }},
        {%- endfor %}
        cast({{ signed_count() }} as integer) as matches,
        cast({{ signed_sum('case when headshots is not null then kills end') }} as bigint) as headshots_kills,
        cast({{ signed_sum('case when headshots is null then 0 else 1 end') }} as integer) as headshots_matches,
        cast({{ signed_sum('case when deaths is not null then kills end') }} as bigint) as deaths_kills,
        cast({{ signed_sum('case when deaths is null then 0 else 1 end') }} as integer) as deaths_matches,
        cast({{ signed_sum('case when rounds is not null then damage end') }} as bigint) as rounds_damage,
        cast({{ signed_sum('case when damage is not null then rounds end') }} as bigint) as damage_rounds,
        cast(
            {{ signed_sum('case when damage is null or rounds is null then 0 else 1 end') }} as integer
        ) as damage_matches,
        cast({{ signed_sum('case when hltv_rating_1 is null then 0 else 1 end') }} as integer) as rated_matches,
        cast(
            {{ signed_sum('case when hltv_rating_1 is not null and is_win then 1 else 0 end') }} as integer
        ) as rated_wins,
        cast(
            {{ signed_sum('case when hltv_rating_1 is not null and is_draw then 1 else 0 end') }} as integer
        ) as rated_draws,
        cast({{ signed_sum('hltv_rating_1') }} as numeric(28, 4)) as hltv_rating_1_total,
        cast({{ signed_sum('case when is_extended then 1 else 0 end') }} as integer) as extended_matches,
        cast({{ signed_sum('case when is_extended then rounds end') }} as bigint) as extended_rounds,
        cast({{ signed_sum('case when is_extended then kills end') }} as bigint) as extended_kills
    from performances
    group by game, player_id

)

select * from summed
