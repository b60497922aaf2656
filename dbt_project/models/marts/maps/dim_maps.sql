{{ config(incremental_strategy='difference', unique_key=['game', 'map_id']) }}

with played as (

    select
        game,
        map_id
    from {{ ref('int_map_totals') }}

),

named as (

    select
        game,
        map_id,
        case
            when map_id like 'de\_%' or map_id like 'cs\_%'
                then initcap(replace(substring(map_id from 4), '_', ' '))
            else map_id
        end as map_name,
        case
            when map_id like 'de\_%' then 'defusal'
            when map_id like 'cs\_%' then 'hostage'
        end as scenario
    from played

)

select * from named
