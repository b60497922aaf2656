select
    game_id as game,
    region,
    position as leaderboard_rank,
    player_id,
    nullif(nickname, '') as display_name,
    nullif(upper(country), '') as country_code
from {{ source('faceit', 'rankings') }}
where _deleted_at is null
