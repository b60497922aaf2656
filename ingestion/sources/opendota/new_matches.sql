-- Matches of tracked players, teams and leagues whose details were never requested, newest first.
-- A player's newest matches come from the end of the primary key, so that a long history is not sorted.
WITH of_players AS (
    SELECT
        newest.match_id,
        newest.start_time
    FROM unnest(%(players)s::bigint[]) AS tracked (account_id)
    CROSS JOIN LATERAL (
        SELECT
            matches.match_id,
            matches.start_time
        FROM staging_opendota.player_matches AS matches
        WHERE matches.account_id = tracked.account_id
            AND matches._deleted_at IS NULL
            AND NOT EXISTS (SELECT FROM staging_opendota.matches AS known WHERE known.match_id = matches.match_id)
            AND NOT EXISTS (
                SELECT FROM staging_opendota.match_absences AS absent WHERE absent.match_id = matches.match_id
            )
            AND NOT EXISTS (
                SELECT
                FROM ops.rereads AS rereads
                WHERE rereads.source = 'opendota' AND rereads.endpoint = 'match' AND rereads.id = matches.match_id::text
            )
            AND matches.match_id <> ALL(%(tracked)s::bigint[])
        ORDER BY matches.match_id DESC
        LIMIT %(budget)s
    ) AS newest
),

of_others AS (
    SELECT
        match_id,
        start_time
    FROM staging_opendota.team_matches
    WHERE team_id = ANY(%(teams)s::bigint[]) AND _deleted_at IS NULL
    UNION
    SELECT
        match_id,
        start_time
    FROM staging_opendota.league_matches
    WHERE leagueid = ANY(%(leagues)s::bigint[]) AND _deleted_at IS NULL
),

candidates AS (
    SELECT
        match_id,
        start_time
    FROM of_players
    UNION
    SELECT
        others.match_id,
        others.start_time
    FROM of_others AS others
    WHERE NOT EXISTS (SELECT FROM staging_opendota.matches AS known WHERE known.match_id = others.match_id)
        AND NOT EXISTS (
            SELECT FROM staging_opendota.match_absences AS absent WHERE absent.match_id = others.match_id
        )
        AND NOT EXISTS (
            SELECT
            FROM ops.rereads AS rereads
            WHERE rereads.source = 'opendota' AND rereads.endpoint = 'match' AND rereads.id = others.match_id::text
        )
        AND others.match_id <> ALL(%(tracked)s::bigint[])
)

SELECT
    match_id,
    max(start_time) AS start_time,
    NULL AS reason,
    NULL AS tries,
    NULL AS first_at,
    NULL AS last_at
FROM candidates
GROUP BY match_id
ORDER BY match_id DESC
LIMIT %(budget)s
