select
    account_id,
    hero_id,
    games as matches,
    win as wins
from {{ source('opendota', 'player_heroes') }}
where _deleted_at is null
