SELECT
    rank,
    player_id,
    display_name,
    score,
    matches,
    wins,
    draws,
    losses,
    win_rate
FROM marts.leaderboard_entries
WHERE
    board = %(board)s
    AND rank IS NOT NULL
    AND (
        %(after_rank)s::bigint IS NULL
        OR (rank, player_id) > (%(after_rank)s::bigint, %(after_player_id)s::text)
    )
ORDER BY rank, player_id
LIMIT %(limit)s
