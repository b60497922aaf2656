SELECT
    results.map_id,
    maps.map_name,
    results.matches,
    results.wins,
    results.draws,
    results.losses,
    results.win_rate,
    results.win_rate_low,
    results.win_rate_high,
    results.rounds,
    results.kills,
    results.deaths,
    results.assists,
    results.kd_ratio,
    results.last_played_at
FROM marts.player_map_win_rates AS results
LEFT JOIN marts.dim_maps AS maps USING (game, map_id)
WHERE results.game = %(game)s AND results.player_id = %(player_id)s
ORDER BY results.matches DESC, results.map_id
