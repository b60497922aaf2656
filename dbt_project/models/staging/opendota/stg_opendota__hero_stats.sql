with source as (

    select * from {{ source('opendota', 'hero_stats') }}

),

renamed as (

    select
        id as hero_id,
        localized_name as character_name,
        name as internal_name,
        primary_attr as primary_attribute,
        attack_type,
        roles
    from source
    where _deleted_at is null

)

select * from renamed
