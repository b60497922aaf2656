with changes as (

    select * from {{ ref('stg_opendota__rank_changes') }}
    union all
    select * from {{ ref('stg_faceit__elo_changes') }}

)

select * from changes
