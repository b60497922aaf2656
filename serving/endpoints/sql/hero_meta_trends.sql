SELECT
    trends.character_id,
    characters.character_name,
    trends.rank_bracket,
    trends.window_days,
    trends.matches,
    trends.wins,
    trends.win_rate,
    trends.win_rate_low,
    trends.win_rate_high,
    trends.pick_rate,
    trends.matches_before,
    trends.win_rate_before,
    trends.pick_rate_before,
    trends.win_rate_change,
    trends.win_rate_change_low,
    trends.win_rate_change_high,
    trends.pick_rate_change,
    trends.window_start_date,
    trends.window_end_date
FROM marts.hero_meta_trends AS trends
LEFT JOIN marts.dim_characters AS characters USING (game, character_id)
WHERE
    trends.game = %(game)s
    AND trends.rank_bracket = %(rank_bracket)s
    AND trends.window_days = %(window_days)s
ORDER BY trends.win_rate_change DESC NULLS LAST, trends.character_id
