select
    account_id,
    personaname as display_name,
    nullif(name, '') as professional_name,
    steamid as steam_id64,
    avatarfull as avatar_url,
    loccountrycode as country_code
from {{ source('opendota', 'players') }}
where _deleted_at is null
