with source as (

    select * from {{ source('opendota', 'constants') }}

),

renamed as (

    select
        resource,
        id as entry_id,
        value as entry
    from source
    where _deleted_at is null

)

select * from renamed
