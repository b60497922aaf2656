with changes as (

    select * from {{ ref('stg_opendota__player_changes') }}
    union all
    select * from {{ ref('stg_faceit__player_changes') }}

)

select * from changes
