SELECT
    board,
    game,
    count(*) AS players,
    count(*) FILTER (WHERE is_qualified) AS qualified
FROM marts.leaderboard_entries
GROUP BY board, game
ORDER BY board, game
