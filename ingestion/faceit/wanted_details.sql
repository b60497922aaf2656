-- Matches whose details are to be read: tracked ones first, then those of tracked players, newest first.
-- What FACEIT did not know, told otherwise than the history, or told to be under way, is asked for again when the history
-- changes, or once the match is twice as old as it was when it was asked for. A tracked match that FACEIT did not know is
-- asked for each time, and what was refused in part once more.
WITH listed AS (
    SELECT
        matches.match_id,
        matches.started_at,
        matches.finished_at,
        matches._loaded_at AS changed_at,
        upper(matches.status) AS status,
        coalesce(matches.winner, '') AS winner
    FROM staging_faceit.history_matches AS matches
    WHERE matches.game_id = ANY(%(games)s::text[])
        AND matches._deleted_at IS NULL
        AND EXISTS (
            SELECT
            FROM staging_faceit.history_players AS players
            WHERE players.match_id = matches.match_id
                AND players.player_id = ANY(%(players)s::text[])
                AND players._deleted_at IS NULL
        )
),

wanted AS (
    SELECT
        match_id,
        coalesce(listed.finished_at, listed.started_at) AS played_at,
        listed.finished_at,
        listed.changed_at,
        listed.status,
        listed.winner,
        explicit.place
    FROM listed
    FULL JOIN unnest(%(explicit)s::text[]) WITH ORDINALITY AS explicit (match_id, place) USING (match_id)
),

asked AS (
    SELECT
        match_id,
        _observed_at AS asked_at,
        NULL AS played_at,
        NULL AS status,
        NULL AS winner
    FROM staging_faceit.match_absences
    WHERE part = 'match'
    UNION ALL
    SELECT
        match_id,
        _observed_at AS asked_at,
        coalesce(finished_at, started_at, configured_at, scheduled_at) AS played_at,
        upper(status) AS status,
        coalesce(winner, '') AS winner
    FROM staging_faceit.matches
)

SELECT
    wanted.match_id,
    wanted.place IS NOT NULL AS is_explicit
FROM wanted
WHERE wanted.match_id <> ALL(%(refused)s::text[])
    AND (
        wanted.match_id = ANY(%(flawed)s::text[])
        OR NOT EXISTS (
            SELECT
            FROM asked
            WHERE asked.match_id = wanted.match_id
                AND (
                    (
                        asked.status = ANY(%(ended)s::text[])
                        AND (wanted.status IS NULL OR (asked.status = wanted.status AND asked.winner = wanted.winner))
                    )
                    OR (
                        (wanted.place IS NULL OR asked.status IS NOT NULL)
                        AND (wanted.changed_at IS NULL OR asked.asked_at >= wanted.changed_at)
                        AND %(now)s - asked.asked_at <= greatest(
                            asked.asked_at - to_timestamp(coalesce(wanted.played_at, asked.played_at)),
                            %(least_gap)s
                        )
                    )
                )
        )
    )
ORDER BY wanted.place, wanted.finished_at DESC NULLS LAST, wanted.match_id
LIMIT %(budget)s
