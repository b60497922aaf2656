select
    match_id,
    player_id,
    faction,
    -- Substitutes are listed beside the roster. `playing` marks one who was brought in; players who left are not
    -- marked.
    coalesce(playing, not is_substitute, true) as has_played,
    coalesce(playing, false) as has_certainly_played,
    nullif(nickname, '') as display_name,
    {{ steam_account_id('game_player_id') }} as steam_account_id,
    case when game_skill_level between 1 and 10 then game_skill_level end as skill_level
from {{ source('faceit', 'match_rosters') }}
where _deleted_at is null
