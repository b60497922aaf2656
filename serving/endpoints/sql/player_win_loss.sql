WITH requested AS (
    SELECT
        game,
        mode,
        is_standard
    FROM marts.dim_modes
    WHERE game = %(game)s AND coalesce(mode = %(mode)s::text, is_standard)
),

-- Every player with a match has a record of the standard mode, even with no counted match; other modes only if played.
records AS (
    SELECT
        requested.mode,
        standard.period,
        standard.matches,
        standard.wins,
        standard.draws,
        standard.losses,
        standard.win_rate,
        standard.win_rate_low,
        standard.win_rate_high,
        standard.last_played_at
    FROM requested
    INNER JOIN marts.player_win_rates AS standard USING (game)
    WHERE requested.is_standard AND standard.player_id = %(player_id)s
    UNION ALL
    SELECT
        requested.mode,
        others.period,
        others.matches,
        others.wins,
        others.draws,
        others.losses,
        others.win_rate,
        others.win_rate_low,
        others.win_rate_high,
        others.last_played_at
    FROM requested
    INNER JOIN marts.player_mode_win_rates AS others USING (game, mode)
    WHERE NOT requested.is_standard AND others.player_id = %(player_id)s
)

SELECT
    mode,
    period,
    matches,
    wins,
    draws,
    losses,
    win_rate,
    win_rate_low,
    win_rate_high,
    last_played_at
FROM records
ORDER BY array_position(ARRAY['all', '30d', '7d'], period::text), period
