select
    team_id,
    name as team_name,
    tag,
    logo_url,
    rating,
    wins,
    losses,
    {{ timestamp_from_epoch('nullif(last_match_time, 0)') }} as last_played_at
from {{ source('opendota', 'teams') }}
where _deleted_at is null
