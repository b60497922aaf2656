with patches as (

    select
        entry_id as patch_id,
        {{ json_text('entry', 'name') }} as patch_name,
        {{ json_text('entry', 'date') }} as released
    from {{ ref('stg_opendota__constants') }}
    where resource = 'patch'

),

dated as (

    select
        patch_id,
        patch_name,
        {{ timestamp_from_iso('released') }} as released_at
    from patches

),

bounded as (

    select
        patch_id,
        patch_name,
        released_at,
        lead(released_at) over (order by released_at, patch_id) as superseded_at
    from dated
    where released_at is not null

)

select * from bounded
