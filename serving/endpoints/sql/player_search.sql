-- An index has these expressions in this order: no sort, and the scan ends after 50 matching rows. `^@` has no
-- wildcards; a btree supports it in the collation C only. Names may be longer than an index entry.
SELECT
    game,
    player_id,
    display_name,
    professional_name,
    country_code,
    avatar_url,
    is_tracked,
    rank_name,
    rank_bracket,
    last_played_at
FROM marts.dim_players
WHERE
    left(lower(display_name), 100) COLLATE "C" ^@ left(lower(%(prefix)s::text), 100)
    AND (%(game)s::text IS NULL OR game = %(game)s::text)
ORDER BY left(lower(display_name), 100) COLLATE "C", game, player_id
LIMIT 50
