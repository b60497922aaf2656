-- Matches of tracked players whose details are missing or contradict the history, newest first.
-- What FACEIT did not know, or told otherwise, is asked for again once the match is twice as old as it was then.
WITH listed AS (
    SELECT DISTINCT
        matches.match_id,
        matches.finished_at,
        upper(matches.status) AS status,
        coalesce(matches.winner, '') AS winner
    FROM staging_faceit.history_players AS players
    INNER JOIN staging_faceit.history_matches AS matches ON matches.match_id = players.match_id
    WHERE players.player_id = ANY(%(players)s::text[])
        AND matches.game_id = %(game)s
        AND players._deleted_at IS NULL
        AND matches._deleted_at IS NULL
),

asked AS (
    SELECT match_id, _observed_at AS asked_at FROM staging_faceit.match_absences WHERE part = 'match'
    UNION ALL
    SELECT known.match_id, known._observed_at AS asked_at
    FROM staging_faceit.matches AS known
    INNER JOIN listed ON listed.match_id = known.match_id
    WHERE upper(known.status) <> listed.status OR coalesce(known.winner, '') <> listed.winner
)

SELECT listed.match_id
FROM listed
LEFT JOIN (SELECT match_id, max(asked_at) AS asked_at FROM asked GROUP BY match_id) AS last ON last.match_id = listed.match_id
WHERE listed.match_id <> ALL(%(refused)s::text[])
    AND (
        (
            last.asked_at IS NULL
            AND NOT EXISTS (SELECT FROM staging_faceit.matches AS known WHERE known.match_id = listed.match_id)
        )
        OR %(now)s - last.asked_at > greatest(last.asked_at - to_timestamp(listed.finished_at), %(least_gap)s)
    )
ORDER BY listed.finished_at DESC NULLS LAST, listed.match_id
LIMIT %(budget)s
