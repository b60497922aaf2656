SELECT
    players.game,
    players.player_id,
    form.matches,
    form.wins,
    form.draws,
    form.losses,
    form.win_rate,
    form.win_rate_low,
    form.win_rate_high,
    form.rated_matches,
    form.mean_rating,
    form.rating_slope,
    form.rating_slope_low,
    form.rating_slope_high,
    form.direction,
    form.first_played_at,
    form.last_played_at
FROM marts.dim_players AS players
LEFT JOIN marts.player_form AS form USING (game, player_id)
WHERE players.game = %(game)s AND players.player_id = %(player_id)s
