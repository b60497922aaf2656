with spellings as (

    select
        map_id as alias,
        map_id
    from {{ ref('maps') }}
    union all
    select
        lower({{ map_alias('map_name') }}) as alias,
        map_id
    from {{ ref('maps') }}
    union all
    select
        alias,
        map_id
    from {{ ref('map_aliases') }}

),

aliases as (

    select
        alias,
        min(map_id) as map_id
    from spellings
    group by alias

)

select * from aliases
