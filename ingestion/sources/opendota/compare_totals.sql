-- Totals of players as OpenDota reports them (`/wl`, `/heroes`), and the totals of stored significant matches: a
-- balanced game mode and lobby type, a result, more than six minutes. Heroes are included if they differ, and if the
-- player's heroes were read after the newest stored match.
WITH balanced AS (
    SELECT
        resource,
        id
    FROM staging_opendota.constants
    WHERE resource IN ('game_mode', 'lobby_type')
        AND lower(value ->> 'balanced') IN ('true', '1')
        AND _deleted_at IS NULL
),

significant AS (
    SELECT
        matches.account_id,
        matches.hero_id,
        (matches.player_slot < 128) = matches.radiant_win AS is_win
    FROM staging_opendota.player_matches AS matches
    WHERE matches.account_id = ANY(%(players)s::bigint[])
        AND matches._deleted_at IS NULL
        AND matches.radiant_win IS NOT NULL
        AND matches.duration > 360
        AND matches.game_mode::text IN (SELECT id FROM balanced WHERE resource = 'game_mode')
        AND matches.lobby_type::text IN (SELECT id FROM balanced WHERE resource = 'lobby_type')
),

shown AS (
    SELECT
        account_id,
        matches,
        wins
    FROM unnest(%(players)s::bigint[], %(matches)s::bigint[], %(wins)s::bigint[]) AS reported (
        account_id, matches, wins
    )
),

compared AS (
    SELECT
        theirs.account_id,
        measures.measure,
        measures.theirs,
        measures.ours
    FROM shown AS theirs
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS matches,
            count(*) FILTER (WHERE significant.is_win) AS wins
        FROM significant
        WHERE significant.account_id = theirs.account_id
    ) AS ours
    CROSS JOIN LATERAL (
        VALUES ('matches', theirs.matches, ours.matches), ('wins', theirs.wins, ours.wins)
    ) AS measures (measure, theirs, ours)
    UNION ALL
    SELECT
        theirs.account_id,
        measures.measure || ' of hero ' || theirs.hero_id AS measure,
        measures.theirs,
        measures.ours
    FROM staging_opendota.player_heroes AS theirs
    INNER JOIN ops.cursors AS heroes_read
        ON heroes_read.source = 'opendota' AND heroes_read.name = 'player_heroes/' || theirs.account_id
    INNER JOIN ops.cursors AS matches_read
        ON matches_read.source = 'opendota' AND matches_read.name = 'player_matches/' || theirs.account_id
            AND matches_read.value -> 'newest_match_id' = heroes_read.value -> 'newest_match_id'
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS matches,
            count(*) FILTER (WHERE significant.is_win) AS wins
        FROM significant
        WHERE significant.account_id = theirs.account_id AND significant.hero_id = theirs.hero_id
    ) AS ours
    CROSS JOIN LATERAL (VALUES ('matches', theirs.games, ours.matches), ('wins', theirs.win, ours.wins)) AS measures (
        measure, theirs, ours
    )
    WHERE theirs.account_id = ANY(%(players)s::bigint[])
        AND theirs._deleted_at IS NULL
        AND measures.theirs <> measures.ours
)

SELECT
    account_id::text AS player_id,
    measure,
    theirs,
    ours
FROM compared
WHERE EXISTS (SELECT FROM balanced WHERE resource = 'game_mode')
    AND EXISTS (SELECT FROM balanced WHERE resource = 'lobby_type')
ORDER BY player_id, measure
