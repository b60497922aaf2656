with unioned as (

    select
        'dota2' as game,
        cast(match_id as text) as match_id,
        staging_table,
        batch_id
    from {{ ref('stg_opendota__match_changes') }}

)

select * from unioned
