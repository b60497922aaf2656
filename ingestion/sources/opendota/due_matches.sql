-- Matches of tracked players, teams and leagues that are due to be read again, fewest tries first, and their number by
-- reason. A match that was read before `ops.rereads` existed counts as read once.
WITH unsettled AS (
    SELECT
        id::bigint AS match_id,
        reason,
        tries,
        first_at,
        last_at
    FROM ops.rereads
    WHERE source = 'opendota' AND endpoint = 'match' AND due_at <= %(now)s
    UNION ALL
    SELECT
        match_id,
        'unparsed' AS reason,
        1 AS tries,
        _observed_at AS first_at,
        _observed_at AS last_at
    FROM staging_opendota.matches AS matches
    WHERE version IS NULL
        AND _deleted_at IS NULL
        AND NOT EXISTS (
            SELECT
            FROM ops.rereads AS rereads
            WHERE rereads.source = 'opendota' AND rereads.endpoint = 'match' AND rereads.id = matches.match_id::text
        )
    UNION ALL
    SELECT
        match_id,
        'absent' AS reason,
        1 AS tries,
        _observed_at AS first_at,
        _observed_at AS last_at
    FROM staging_opendota.match_absences AS absences
    WHERE NOT EXISTS (
        SELECT
        FROM ops.rereads AS rereads
        WHERE rereads.source = 'opendota' AND rereads.endpoint = 'match' AND rereads.id = absences.match_id::text
    )
    AND NOT EXISTS (SELECT FROM staging_opendota.matches AS known WHERE known.match_id = absences.match_id)
),

candidates AS (
    SELECT
        unsettled.*,
        coalesce(of_player.start_time, of_team.start_time, of_league.start_time) AS start_time
    FROM unsettled
    LEFT JOIN LATERAL (
        SELECT
            listed.match_id,
            listed.start_time
        FROM staging_opendota.player_matches AS listed
        WHERE listed.match_id = unsettled.match_id
            AND listed.account_id = ANY(%(players)s::bigint[])
            AND listed._deleted_at IS NULL
        LIMIT 1
    ) AS of_player ON TRUE
    LEFT JOIN LATERAL (
        SELECT
            listed.match_id,
            listed.start_time
        FROM staging_opendota.team_matches AS listed
        WHERE listed.match_id = unsettled.match_id
            AND listed.team_id = ANY(%(teams)s::bigint[])
            AND listed._deleted_at IS NULL
        LIMIT 1
    ) AS of_team ON TRUE
    LEFT JOIN staging_opendota.league_matches AS of_league
        ON unsettled.match_id = of_league.match_id
            AND of_league.leagueid = ANY(%(leagues)s::bigint[])
            AND of_league._deleted_at IS NULL
    WHERE coalesce(of_player.match_id, of_team.match_id, of_league.match_id) IS NOT NULL
        AND unsettled.match_id <> ALL(%(tracked)s::bigint[])
)

SELECT
    match_id,
    start_time,
    reason,
    tries,
    first_at,
    last_at,
    (
        SELECT jsonb_object_agg(by_reason.reason, by_reason.number)
        FROM (SELECT candidates.reason, count(*) AS number FROM candidates GROUP BY candidates.reason) AS by_reason
    ) AS due
FROM candidates
ORDER BY tries, match_id DESC
LIMIT %(budget)s
