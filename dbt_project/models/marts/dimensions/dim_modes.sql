{{ config(incremental_strategy='difference', unique_key=['game', 'mode']) }}

with modes as (

    select
        game,
        mode,
        mode_name,
        is_standard
    from {{ ref('modes') }}

)

select * from modes
