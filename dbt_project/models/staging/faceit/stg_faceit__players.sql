select
    player_id,
    nullif(nickname, '') as display_name,
    nullif(upper(country), '') as country_code,
    nullif(avatar, '') as avatar_url,
    {{ steam_account_id('steam_id_64') }} as steam_account_id
from {{ source('faceit', 'players') }}
where _deleted_at is null
