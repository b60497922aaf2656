SELECT
    identities.person_id,
    identities.game,
    identities.player_id,
    identities.is_primary,
    identities.is_conflicting,
    players.display_name,
    players.is_tracked,
    players.rank_value,
    players.rank_name,
    players.rank_bracket,
    players.leaderboard_rank,
    players.leaderboard_region,
    players.last_played_at,
    records.matches,
    records.wins,
    records.draws,
    records.losses,
    records.win_rate,
    records.win_rate_low,
    records.win_rate_high
FROM marts.bridge_player_identities AS requested
INNER JOIN marts.bridge_player_identities AS identities USING (person_id)
LEFT JOIN marts.dim_players AS players
    ON identities.game = players.game AND identities.player_id = players.player_id
LEFT JOIN marts.player_win_rates AS records
    ON identities.game = records.game AND identities.player_id = records.player_id AND records.period = 'all'
WHERE requested.game = %(game)s AND requested.player_id = %(player_id)s
ORDER BY identities.game, identities.player_id
