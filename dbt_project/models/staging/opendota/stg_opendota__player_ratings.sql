with source as (

    select * from {{ source('opendota', 'player_ratings') }}

),

renamed as (

    select
        account_id,
        {{ timestamp_from_iso('time') }} as observed_at,
        rank_tier,
        solo_competitive_rank as solo_mmr,
        competitive_rank as party_mmr
    from source
    where _deleted_at is null

)

select * from renamed
