select
    player_id,
    game,
    -- Unchanged, so that the index on the column can be used.
    game_player_id,
    {{ steam_account_id('game_player_id') }} as steam_account_id
from {{ source('faceit', 'player_games') }}
where _deleted_at is null
