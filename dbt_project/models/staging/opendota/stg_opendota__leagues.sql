select
    leagueid as league_id,
    name as league_name,
    tier
from {{ source('opendota', 'leagues') }}
where _deleted_at is null
