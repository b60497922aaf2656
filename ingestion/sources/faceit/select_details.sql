-- Matches whose details are due, by class: tracked matches that are not settled, due re-reads, and matches of tracked
-- players that were never read or have changed in the history since, newest first.
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

candidates AS (
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

-- State by the stored responses; a match that was absent and is known now counts as known.
requested AS (
    SELECT
        candidates.match_id,
        coalesce(known._observed_at, absent._observed_at) AS requested_at,
        CASE
            WHEN known.match_id IS NULL THEN 'absent'
            WHEN upper(known.status) <> ALL(%(ended)s::text[]) OR known.status IS NULL THEN 'under_way'
            WHEN candidates.status <> upper(known.status) OR candidates.winner <> coalesce(known.winner, '')
                THEN 'differs'
        END AS reason
    FROM candidates
    LEFT JOIN staging_faceit.matches AS known ON candidates.match_id = known.match_id
    LEFT JOIN staging_faceit.match_absences AS absent ON candidates.match_id = absent.match_id AND absent.part = 'match'
    WHERE known.match_id IS NOT NULL OR absent.match_id IS NOT NULL
),

-- A match that was read before `ops.rereads` existed counts as read once.
states AS (
    SELECT
        candidates.*,
        coalesce(rereads.last_at, requested.requested_at) AS last_at,
        coalesce(rereads.first_at, requested.requested_at) AS first_at,
        CASE WHEN rereads.id IS NULL THEN requested.reason ELSE rereads.reason END AS reason,
        coalesce(rereads.tries, CASE WHEN requested.reason IS NOT NULL THEN 1 END) AS tries,
        CASE
            WHEN rereads.id IS NULL AND requested.reason IS NOT NULL THEN requested.requested_at
            ELSE rereads.due_at
        END AS due_at,
        requested.reason AS reason_by_answer
    FROM candidates
    LEFT JOIN requested ON candidates.match_id = requested.match_id
    LEFT JOIN ops.rereads AS rereads
        ON rereads.source = 'faceit' AND rereads.endpoint = 'match' AND candidates.match_id = rereads.id
),

classed AS (
    SELECT
        *,
        CASE
            -- A match that is still flawed after its re-read is accepted as it is.
            WHEN
                place IS NOT NULL
                AND (last_at IS NULL OR reason <> 'flawed' OR due_at IS NOT NULL OR last_at < %(read_before)s)
                THEN 'tracked'
            WHEN place IS NOT NULL AND changed_at IS NULL THEN NULL
            WHEN last_at IS NULL OR (changed_at > last_at AND reason_by_answer IS NOT NULL) THEN 'new'
            WHEN due_at <= %(now)s THEN 'due_again'
        END AS class
    FROM states
),

ordered AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY class
            ORDER BY
                CASE WHEN class = 'due_again' THEN tries END,
                place,
                finished_at DESC NULLS LAST,
                match_id
        ) AS number
    FROM classed
    WHERE class IS NOT NULL
)

SELECT
    match_id,
    class,
    played_at,
    status,
    winner,
    reason,
    tries,
    first_at,
    last_at,
    (
        SELECT jsonb_object_agg(by_reason.reason, by_reason.number)
        FROM (
            SELECT
                ordered.reason,
                count(*) AS number
            FROM ordered
            WHERE ordered.class = 'due_again'
            GROUP BY ordered.reason
        ) AS by_reason
    ) AS due
FROM ordered
WHERE class = 'tracked' OR number <= CASE WHEN class = 'due_again' THEN %(reread_budget)s ELSE %(budget)s END
ORDER BY class, number
