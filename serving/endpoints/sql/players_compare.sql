SELECT
    players.player_id,
    players.display_name,
    players.country_code,
    players.is_tracked,
    players.rank_value,
    players.rank_name,
    players.rank_bracket,
    players.leaderboard_rank,
    players.leaderboard_region,
    records.matches,
    records.wins,
    records.draws,
    records.losses,
    records.win_rate,
    records.win_rate_low,
    records.win_rate_high,
    recent.matches AS matches_30d,
    recent.wins AS wins_30d,
    recent.draws AS draws_30d,
    recent.win_rate AS win_rate_30d,
    form.mean_rating,
    form.rating_slope,
    form.direction,
    players.last_played_at
FROM marts.dim_players AS players
LEFT JOIN marts.player_win_rates AS records
    ON players.game = records.game AND players.player_id = records.player_id AND records.period = 'all'
LEFT JOIN marts.player_win_rates AS recent
    ON players.game = recent.game AND players.player_id = recent.player_id AND recent.period = '30d'
LEFT JOIN marts.player_form AS form
    ON players.game = form.game AND players.player_id = form.player_id
WHERE players.game = %(game)s AND players.player_id = ANY(%(players)s::text[])
ORDER BY players.player_id
