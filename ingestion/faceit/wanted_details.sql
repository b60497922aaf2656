-- Matches of tracked players whose details are missing or contradict the history, newest first.
-- What FACEIT did not know, or told otherwise, is asked for again when the history changes, or once the match is twice
-- as old as it was when it was asked for.
WITH listed AS (
    SELECT
        matches.match_id,
        matches.finished_at,
        matches._loaded_at AS changed_at,
        upper(matches.status) AS status,
        coalesce(matches.winner, '') AS winner
    FROM staging_faceit.history_matches AS matches
    WHERE matches.game_id = %(game)s
        AND matches._deleted_at IS NULL
        AND EXISTS (
            SELECT
            FROM staging_faceit.history_players AS players
            WHERE players.match_id = matches.match_id
                AND players.player_id = ANY(%(players)s::text[])
                AND players._deleted_at IS NULL
        )
),

asked AS (
    SELECT
        match_id,
        _observed_at AS asked_at,
        NULL AS status,
        NULL AS winner
    FROM staging_faceit.match_absences
    WHERE part = 'match'
    UNION ALL
    SELECT
        match_id,
        _observed_at AS asked_at,
        upper(status) AS status,
        coalesce(winner, '') AS winner
    FROM staging_faceit.matches
)

SELECT listed.match_id
FROM listed
WHERE listed.match_id <> ALL(%(refused)s::text[])
    AND NOT EXISTS (
        SELECT
        FROM asked
        WHERE asked.match_id = listed.match_id
            AND (
                (asked.status = listed.status AND asked.winner = listed.winner)
                OR (
                    asked.asked_at >= listed.changed_at
                    AND %(now)s - asked.asked_at
                    <= greatest(asked.asked_at - to_timestamp(listed.finished_at), %(least_gap)s)
                )
            )
    )
ORDER BY listed.finished_at DESC NULLS LAST, listed.match_id
LIMIT %(budget)s
