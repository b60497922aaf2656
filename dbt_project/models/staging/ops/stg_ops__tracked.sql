with source as (

    select * from {{ source('ops', 'tracked') }}

),

renamed as (

    select
        source as source_name,
        kind,
        id as tracked_id,
        added_at
    from source
    where removed_at is null

)

select * from renamed
