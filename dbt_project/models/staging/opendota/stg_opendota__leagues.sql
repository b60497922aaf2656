with source as (

    select * from {{ source('opendota', 'leagues') }}

),

renamed as (

    select
        leagueid as league_id,
        name as league_name,
        tier
    from source
    where _deleted_at is null

)

select * from renamed
