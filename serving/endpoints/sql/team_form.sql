SELECT
    teams.game,
    teams.team_id,
    teams.team_name,
    form.matches,
    form.wins,
    form.draws,
    form.losses,
    form.win_rate,
    form.win_rate_low,
    form.win_rate_high,
    form.streak,
    form.last_10_wins,
    form.last_10_draws,
    form.last_10_matches,
    form.last_played_at
FROM marts.dim_teams AS teams
LEFT JOIN marts.team_form AS form USING (game, team_id)
WHERE teams.game = %(game)s AND teams.team_id = %(team_id)s
