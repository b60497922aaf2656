SELECT
    period,
    matches,
    wins,
    losses,
    win_rate,
    win_rate_low,
    win_rate_high,
    last_played_at
FROM marts.player_win_rates
WHERE game = %(game)s AND player_id = %(player_id)s
ORDER BY array_position(ARRAY['all', '30d', '7d'], period::text), period
