-- Finished matches whose statistics are due, by class: tracked matches without statistics, due re-reads, and matches
-- that were never read or have changed since: first those of tracked players, then those of tracked hubs and
-- championships, newest first.
WITH listed AS (
    SELECT
        matches.match_id,
        matches.finished_at,
        matches._loaded_at AS changed_at,
        TRUE AS is_of_player
    FROM staging_faceit.history_matches AS matches
    WHERE matches.game_id = ANY(%(games)s::text[])
        AND upper(matches.status) = 'FINISHED'
        AND matches._deleted_at IS NULL
        AND EXISTS (
            SELECT
            FROM staging_faceit.history_players AS players
            WHERE players.match_id = matches.match_id
                AND players.player_id = ANY(%(players)s::text[])
                AND players._deleted_at IS NULL
        )
    UNION ALL
    SELECT
        match_id,
        finished_at,
        _loaded_at AS changed_at,
        FALSE AS is_of_player
    FROM staging_faceit.matches
    WHERE (
            (competition_id = ANY(%(competitions)s::text[]) AND game = ANY(%(games)s::text[]))
            OR match_id = ANY(%(explicit)s::text[])
        )
        AND upper(status) = 'FINISHED'
        AND _deleted_at IS NULL
),

candidates AS (
    SELECT
        match_id,
        max(finished_at) AS finished_at,
        max(changed_at) AS changed_at,
        bool_or(is_of_player) AS is_of_player,
        match_id = ANY(%(explicit)s::text[]) AS is_explicit
    FROM listed
    GROUP BY match_id
),

-- A match that was read before `ops.rereads` existed counts as read once.
states AS (
    SELECT
        candidates.*,
        coalesce(rereads.last_at, absent._observed_at, known.read_at) AS last_at,
        coalesce(rereads.first_at, absent._observed_at) AS first_at,
        CASE
            WHEN rereads.id IS NOT NULL THEN rereads.reason
            WHEN known.read_at IS NULL AND absent.match_id IS NOT NULL THEN 'no_statistics'
        END AS reason,
        coalesce(rereads.tries, CASE WHEN known.read_at IS NULL AND absent.match_id IS NOT NULL THEN 1 END) AS tries,
        CASE
            WHEN rereads.id IS NOT NULL THEN rereads.due_at
            WHEN known.read_at IS NULL THEN absent._observed_at
        END AS due_at,
        known.read_at
    FROM candidates
    LEFT JOIN LATERAL (
        SELECT max(rounds._observed_at) AS read_at
        FROM staging_faceit.match_rounds AS rounds
        WHERE rounds.match_id = candidates.match_id
    ) AS known ON TRUE
    LEFT JOIN staging_faceit.match_absences AS absent ON candidates.match_id = absent.match_id AND absent.part = 'stats'
    LEFT JOIN ops.rereads AS rereads
        ON rereads.source = 'faceit' AND rereads.endpoint = 'match_stats' AND candidates.match_id = rereads.id
),

classed AS (
    SELECT
        *,
        CASE
            -- A match that is still flawed after its re-read is accepted as it is.
            WHEN
                is_explicit
                AND (last_at IS NULL OR reason <> 'flawed' OR due_at IS NOT NULL OR last_at < %(read_before)s)
                THEN 'tracked'
            WHEN last_at IS NULL OR (changed_at > last_at AND read_at IS NULL) THEN 'new'
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
                is_of_player DESC,
                finished_at DESC NULLS LAST,
                match_id
        ) AS number
    FROM classed
    WHERE class IS NOT NULL
)

SELECT
    match_id,
    class,
    finished_at AS played_at,
    NULL AS status,
    NULL AS winner,
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
