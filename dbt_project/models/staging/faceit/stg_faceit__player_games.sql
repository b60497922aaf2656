select
    player_id,
    game,
    -- As it is, or the index on it would lead nowhere.
    game_player_id,
    {{ steam_account_id('game_player_id') }} as steam_account_id
from {{ source('faceit', 'player_games') }}
where _deleted_at is null
