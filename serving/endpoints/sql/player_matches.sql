SELECT
    played.match_id::text AS match_id,
    played.player_slot,
    played.played_at,
    played.duration_s,
    played.is_win,
    played.is_draw,
    played.side,
    played.character_id,
    characters.character_name,
    played.map_id,
    played.mode,
    played.is_counted,
    played.is_significant,
    played.kills,
    played.deaths,
    played.assists,
    played.rounds,
    played.game_mode,
    played.lobby_type,
    played.patch_id,
    played.rank_bracket,
    played.team_id,
    played.league_id
FROM marts.fct_player_matches AS played
LEFT JOIN marts.dim_characters AS characters USING (game, character_id)
WHERE
    played.game = %(game)s
    AND played.player_id = %(player_id)s
    -- Matches without a time cannot be ordered by time.
    AND played.played_at IS NOT NULL
    AND (%(character_id)s::text IS NULL OR played.character_id = %(character_id)s::text)
    AND (%(mode)s::text IS NULL OR played.mode = %(mode)s::text)
    AND (%(significant)s::boolean IS NULL OR played.is_significant = %(significant)s::boolean)
    AND (
        %(after_played_at)s::timestamptz IS NULL
        OR (played.played_at, played.match_id::text, played.player_slot)
        < (%(after_played_at)s::timestamptz, %(after_match_id)s::text, %(after_player_slot)s::bigint)
    )
ORDER BY played.played_at DESC, played.match_id::text DESC, played.player_slot DESC
LIMIT %(limit)s
