-- An index holds these very expressions, in this order: nothing is sorted, and reading ends after 50 rows that fit.
-- `^@` knows no wildcards; a btree serves it in the collation C alone.
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
    lower(display_name) COLLATE "C" ^@ lower(%(prefix)s::text)
    AND (%(game)s::text IS NULL OR game = %(game)s::text)
ORDER BY lower(display_name) COLLATE "C", game, player_id
LIMIT 50
