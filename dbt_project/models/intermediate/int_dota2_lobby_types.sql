with constants as (

    select
        entry_id,
        -- The key may be missing for a lobby type that is not balanced.
        coalesce({{ json_boolean('entry', 'balanced') }}, false) as is_balanced
    from {{ ref('stg_opendota__constants') }}
    where resource = 'lobby_type'

),

seeded as (

    select
        cast(lobby_type as text) as lobby_type_id,
        is_balanced
    from {{ ref('dota2_lobby_types') }}

),

combined as (

    select
        coalesce(constants.entry_id, seeded.lobby_type_id) as lobby_type_id,
        coalesce(constants.is_balanced, seeded.is_balanced) as is_balanced
    from constants
    full outer join seeded on constants.entry_id = seeded.lobby_type_id

)

select * from combined
