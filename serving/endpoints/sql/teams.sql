SELECT
    game,
    team_id,
    team_name,
    tag,
    logo_url,
    rating,
    wins,
    losses,
    last_played_at
FROM marts.dim_teams
WHERE
    game = %(game)s
    AND last_played_at IS NOT NULL
    AND (
        %(after_last_played_at)s::timestamptz IS NULL
        OR (last_played_at, team_id) < (%(after_last_played_at)s::timestamptz, %(after_team_id)s::text)
    )
ORDER BY last_played_at DESC, team_id DESC
LIMIT %(limit)s
