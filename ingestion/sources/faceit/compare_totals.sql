-- Totals of players as FACEIT reports them, over the maps of its 5v5 ladder, and the totals of stored statistics.
-- Lifetime `Matches` of a profile include an earlier game, and `Total Matches` leave maps out, so neither can be used.
-- The ladder of a map is in the history, or else in its statistics; a map without either counts as 5v5.
WITH theirs AS (
    SELECT
        player_id,
        matches,
        wins
    FROM unnest(%(players)s::text[], %(matches)s::bigint[], %(wins)s::bigint[]) AS reported (player_id, matches, wins)
),

stored AS (
    SELECT
        match_id,
        match_round,
        player_id,
        stats ->> 'Game Mode' AS game_mode,
        stats ->> 'Result' = '1' AS is_win
    FROM staging_faceit.player_match_stats
    WHERE player_id = ANY(%(players)s::text[])
        AND game = %(game)s
        AND _deleted_at IS NULL
    UNION
    SELECT
        players.match_id,
        players.match_round,
        players.player_id,
        rounds.game_mode,
        players.player_stats ->> 'Result' = '1' AS is_win
    FROM staging_faceit.match_round_players AS players
    INNER JOIN staging_faceit.match_rounds AS rounds
        ON players.match_id = rounds.match_id AND players.match_round = rounds.match_round
    WHERE players.player_id = ANY(%(players)s::text[])
        AND rounds.game_id = %(game)s
        AND players._deleted_at IS NULL
        AND NOT EXISTS (
            SELECT
            FROM staging_faceit.player_match_stats AS listed
            WHERE listed.match_id = players.match_id
                AND listed.match_round = players.match_round
                AND listed.player_id = players.player_id
        )
),

ours AS (
    SELECT
        stored.player_id,
        count(*) AS matches,
        count(*) FILTER (WHERE stored.is_win) AS wins
    FROM stored
    LEFT JOIN staging_faceit.history_matches AS listed
        ON stored.match_id = listed.match_id AND listed._deleted_at IS NULL
    WHERE lower(coalesce(nullif(listed.game_mode, ''), nullif(stored.game_mode, ''), '5v5')) LIKE '%%5v5%%'
    GROUP BY stored.player_id
)

SELECT
    theirs.player_id,
    measures.measure || %(suffix)s AS measure,
    measures.theirs,
    measures.ours
FROM theirs
LEFT JOIN ours ON theirs.player_id = ours.player_id
CROSS JOIN LATERAL (
    VALUES ('matches', theirs.matches, coalesce(ours.matches, 0)), ('wins', theirs.wins, coalesce(ours.wins, 0))
) AS measures (measure, theirs, ours)
ORDER BY theirs.player_id, measure
