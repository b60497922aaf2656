{{ config(incremental_strategy='difference', unique_key=['game', 'map_id']) }}

with played as (

    select
        game,
        map_id
    from {{ ref('int_map_totals') }}

),

named as (

    select
        played.game,
        played.map_id,
        coalesce(maps.map_name, {{ map_name('played.map_id', 'prefixes.scenario') }}) as map_name,
        prefixes.scenario
    from played
    left join {{ ref('maps') }} as maps on played.map_id = maps.map_id
    left join {{ ref('map_prefixes') }} as prefixes on {{ map_prefix('played.map_id') }} = prefixes.prefix

)

select * from named
