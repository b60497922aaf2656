SELECT
    rates.map_id,
    maps.map_name,
    maps.scenario,
    rates.side,
    rates.matches,
    rates.wins,
    rates.draws,
    rates.losses,
    rates.win_rate,
    rates.win_rate_low,
    rates.win_rate_high,
    rates.match_share,
    rates.rounds_per_match
FROM marts.map_win_rates AS rates
LEFT JOIN marts.dim_maps AS maps USING (game, map_id)
WHERE rates.game = %(game)s
ORDER BY rates.match_share DESC, rates.map_id, rates.side
