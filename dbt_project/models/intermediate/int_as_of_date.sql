{{
    config(
        materialized='table' if is_dev() else 'incremental',
        incremental_strategy='difference',
        unique_key=['game'],
        on_schema_change='fail',
        meta={'reads_clock': true},
        alias='int_as_of_date' ~ ('' if is_dev() else '_' ~ colour())
    )
}}

with configured as (

    select as_of_date
    from {{ ref('stg_ops__build_inputs') }}
    where colour = '{{ colour() }}'

),

played as (

    select max(played_date) as newest_date
    from {{ ref('int_match_day_totals') }}
    -- A match with a start time in the future must not empty every window.
    where played_date <= {{ today() }}

),

decided as (

    select
        'all' as game,
        coalesce((select configured.as_of_date from configured), played.newest_date) as as_of_date
    from played

)

select * from decided
