-- The matches of a player by character add up to all of the player's matches, since unknown characters are kept.
with characters as (

    select
        game,
        player_id,
        sum(matches) as matches,
        sum(wins) as wins
    from {{ ref('player_character_win_rates') }}
    group by game, player_id

),

players as (

    select * from {{ ref('player_win_rates') }}
    -- Only games with characters.
    where period = 'all' and game in (select known.game from {{ ref('dim_characters') }} as known)

)

select
    players.game,
    players.player_id,
    players.matches,
    characters.matches as character_matches,
    players.wins,
    characters.wins as character_wins
from players
left join characters
    on players.game = characters.game
        and players.player_id = characters.player_id
where players.matches <> coalesce(characters.matches, 0)
    or players.wins <> coalesce(characters.wins, 0)
