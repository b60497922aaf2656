{{
    config(
        unique_key=['game', 'map_id'],
        meta={'facts': ['fct_player_matches'], 'count_column': 'slots'}
    )
}}

with summed as (

    select
        game,
        map_id,
        cast({{ signed_count() }} as integer) as slots
    from {{ signed(ref('fct_player_matches')) }}
    where map_id is not null
    group by game, map_id

)

select * from summed
