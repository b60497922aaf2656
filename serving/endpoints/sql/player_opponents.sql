-- The page first, so that names are joined to its rows only.
WITH others AS (
    SELECT
        game,
        other_player_id,
        matches,
        wins,
        draws,
        losses,
        last_played_at
    FROM marts.head_to_head
    WHERE
        game = %(game)s
        AND player_id = %(player_id)s
        AND (
            %(after_matches)s::bigint IS NULL
            OR (matches, other_player_id) < (%(after_matches)s::bigint, %(after_other_player_id)s::text)
        )
    ORDER BY matches DESC, other_player_id DESC
    LIMIT %(limit)s
)

SELECT
    others.other_player_id,
    players.display_name,
    others.matches,
    others.wins,
    others.draws,
    others.losses,
    others.last_played_at
FROM others
LEFT JOIN marts.dim_players AS players ON others.game = players.game AND others.other_player_id = players.player_id
ORDER BY others.matches DESC, others.other_player_id DESC
