select
    match_id,
    player_id,
    faction,
    nullif(team_id, '') as team_id,
    nullif(team_nickname, '') as team_name,
    nullif(nickname, '') as display_name,
    {{ steam_account_id('game_player_id') }} as steam_account_id,
    case when skill_level between 1 and 10 then skill_level end as skill_level
from {{ source('faceit', 'history_players') }}
where _deleted_at is null
