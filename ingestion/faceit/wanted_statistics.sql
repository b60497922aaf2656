-- Finished matches without statistics, newest first: those of tracked players, then tracked ones and those of tracked
-- hubs and championships. What FACEIT did not know is asked for again when the match changes, or once it is twice as
-- old as it was when it was asked for; what was refused in part is asked for once more.
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

wanted AS (
    SELECT
        match_id,
        max(finished_at) AS finished_at,
        max(changed_at) AS changed_at,
        bool_or(is_of_player) AS is_of_player
    FROM listed
    GROUP BY match_id
)

SELECT
    wanted.match_id,
    FALSE AS is_explicit
FROM wanted
WHERE wanted.match_id <> ALL(%(refused)s::text[])
    AND (
        wanted.match_id = ANY(%(flawed)s::text[])
        OR (
            NOT EXISTS (SELECT FROM staging_faceit.match_rounds AS known WHERE known.match_id = wanted.match_id)
            AND NOT EXISTS (
                SELECT
                FROM staging_faceit.match_absences AS absent
                WHERE absent.match_id = wanted.match_id
                    AND absent.part = 'stats'
                    AND absent._observed_at >= wanted.changed_at
                    AND %(now)s - absent._observed_at
                    <= greatest(absent._observed_at - to_timestamp(wanted.finished_at), %(least_gap)s)
            )
        )
    )
ORDER BY wanted.is_of_player DESC, wanted.finished_at DESC NULLS LAST, wanted.match_id
LIMIT %(budget)s
