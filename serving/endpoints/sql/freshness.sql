SELECT
    game,
    max(last_played_at) AS newest_match_at,
    count(*) AS players,
    count(*) FILTER (WHERE is_tracked) AS tracked_players
FROM marts.dim_players
GROUP BY game
ORDER BY game
