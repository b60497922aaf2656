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
            when substring(map_id from 1 for 3) in ('de_', 'cs_')
                then {{ title_case("replace(substring(map_id from 4), '_', ' ')") }}
            else map_id
        end as map_name,
        case substring(map_id from 1 for 3)
            when 'de_' then 'defusal'
            when 'cs_' then 'hostage'
        end as scenario
    from played

)

select * from named
