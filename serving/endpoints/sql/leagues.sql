WITH leagues AS (
    SELECT
        game,
        league_id,
        max(league_name) AS league_name,
        count(*) AS teams,
        max(last_played_at) AS last_played_at
    FROM marts.league_standings
    WHERE game = %(game)s
    GROUP BY game, league_id
)

SELECT
    game,
    league_id,
    league_name,
    teams,
    last_played_at
FROM leagues
WHERE
    %(after_last_played_at)s::timestamptz IS NULL
    OR (last_played_at, league_id) < (%(after_last_played_at)s::timestamptz, %(after_league_id)s::text)
ORDER BY last_played_at DESC, league_id DESC
LIMIT %(limit)s
