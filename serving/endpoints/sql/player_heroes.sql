SELECT
    results.character_id,
    characters.character_name,
    results.matches,
    results.wins,
    results.draws,
    results.losses,
    results.win_rate,
    results.win_rate_low,
    results.win_rate_high,
    results.kills,
    results.deaths,
    results.assists,
    results.kda,
    results.last_played_at
FROM marts.player_character_win_rates AS results
LEFT JOIN marts.dim_characters AS characters USING (game, character_id)
WHERE results.game = %(game)s AND results.player_id = %(player_id)s
ORDER BY results.matches DESC, results.character_id
