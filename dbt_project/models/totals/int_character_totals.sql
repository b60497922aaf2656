{{
    config(
        unique_key=['game', 'character_id'],
        meta={'facts': ['fct_player_matches'], 'count_column': 'slots'}
    )
}}

with summed as (

    select
        game,
        character_id,
        cast({{ signed_count() }} as integer) as slots
    from {{ signed(ref('fct_player_matches')) }}
    where character_id is not null
    group by game, character_id

)

select * from summed
