with constants as (

    select
        entry_id,
        -- The key may be missing for a mode that is not balanced.
        coalesce({{ json_boolean('entry', 'balanced') }}, false) as is_balanced
    from {{ ref('stg_opendota__constants') }}
    where resource = 'game_mode'

),

seeded as (

    select
        cast(game_mode as text) as game_mode_id,
        is_balanced
    from {{ ref('dota2_game_modes') }}

),

combined as (

    select
        coalesce(constants.entry_id, seeded.game_mode_id) as game_mode_id,
        coalesce(constants.is_balanced, seeded.is_balanced) as is_balanced
    from constants
    full outer join seeded on constants.entry_id = seeded.game_mode_id

)

select * from combined
