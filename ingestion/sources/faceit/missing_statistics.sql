-- Player and game pairs with a finished match that has no statistics, neither in the player's list nor of its own.
SELECT DISTINCT
    players.player_id,
    matches.game_id
FROM staging_faceit.history_players AS players
INNER JOIN staging_faceit.history_matches AS matches ON players.match_id = matches.match_id
WHERE players.player_id = ANY(%(players)s::text[])
    AND matches.game_id = ANY(%(games)s::text[])
    AND upper(matches.status) = 'FINISHED'
    AND players._deleted_at IS NULL
    AND matches._deleted_at IS NULL
    AND NOT EXISTS (
        SELECT
        FROM staging_faceit.player_match_stats AS listed
        WHERE listed.match_id = players.match_id AND listed.player_id = players.player_id
    )
    AND NOT EXISTS (
        SELECT
        FROM staging_faceit.match_round_players AS known
        WHERE known.match_id = players.match_id AND known.player_id = players.player_id
    )
