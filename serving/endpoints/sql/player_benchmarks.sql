SELECT
    metric,
    value,
    matches,
    rank_bracket,
    percentile_all,
    percentile_bracket
FROM marts.player_benchmarks
WHERE game = %(game)s AND player_id = %(player_id)s
ORDER BY metric
