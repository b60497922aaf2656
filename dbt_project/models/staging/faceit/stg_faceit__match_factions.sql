select
    match_id,
    faction,
    nullif(faction_id, '') as team_id,
    nullif(name, '') as team_name,
    coalesce(type = 'premade', false) as is_premade
from {{ source('faceit', 'match_factions') }}
where _deleted_at is null
