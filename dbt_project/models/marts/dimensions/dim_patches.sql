{{ config(incremental_strategy='difference', unique_key=['game', 'patch_id']) }}

with patches as (

    select
        {{ game('dota2') }} as game,
        patch_id,
        patch_name,
        released_at,
        superseded_at
    from {{ ref('int_dota2_patches') }}

)

select * from patches
