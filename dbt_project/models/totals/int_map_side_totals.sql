{{
    config(
        unique_key=['game', 'map_id', 'side'],
        meta={'facts': ['fct_player_matches'], 'count_column': 'matches'}
    )
}}

-- One slot per side: 0 and 5 are the first slots of the sides.
with sides as (

    select * from {{ signed(ref('fct_player_matches')) }}
    where is_significant and map_id is not null and player_slot in (0, 5)

),

summed as (

    select
        game,
        map_id,
        side,
        cast({{ signed_count() }} as integer) as matches,
        cast({{ signed_sum('case when is_win then 1 else 0 end') }} as integer) as wins,
        cast({{ signed_sum('case when is_draw then 1 else 0 end') }} as integer) as draws,
        cast({{ signed_sum('rounds') }} as bigint) as rounds,
        cast({{ signed_sum('case when rounds is null then 0 else 1 end') }} as integer) as rounds_known
    from sides
    group by game, map_id, side

)

select * from summed
