with source as (

    select * from {{ source('opendota', 'player_heroes') }}

),

renamed as (

    select
        account_id,
        hero_id,
        games as matches,
        win as wins
    from source
    where _deleted_at is null

)

select * from renamed
