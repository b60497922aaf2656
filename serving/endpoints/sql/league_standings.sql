SELECT
    standing,
    team_id,
    team_name,
    matches,
    wins,
    draws,
    losses,
    win_rate,
    streak,
    last_10_wins,
    last_10_draws,
    last_10_matches,
    last_played_at
FROM marts.league_standings
WHERE
    game = %(game)s
    AND league_id = %(league_id)s
    AND (
        %(after_standing)s::bigint IS NULL
        OR (standing, team_id) > (%(after_standing)s::bigint, %(after_team_id)s::text)
    )
ORDER BY standing, team_id
LIMIT %(limit)s
