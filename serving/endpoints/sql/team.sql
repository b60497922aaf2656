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
WHERE game = %(game)s AND team_id = %(team_id)s
