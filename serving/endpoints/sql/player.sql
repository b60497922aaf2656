SELECT
    game,
    player_id,
    display_name,
    professional_name,
    country_code,
    steam_id64::text AS steam_id64,
    avatar_url,
    is_tracked,
    rank_value,
    rank_name,
    rank_bracket,
    leaderboard_rank,
    leaderboard_region,
    last_played_at
FROM marts.dim_players
WHERE game = %(game)s AND player_id = %(player_id)s
