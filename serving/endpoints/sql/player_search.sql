-- An index holds these very expressions, in this order: nothing is sorted, and reading ends after 50 rows that fit.
-- `^@` knows no wildcards; a btree serves it in the collation C alone. Names may be longer than an index holds.
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
