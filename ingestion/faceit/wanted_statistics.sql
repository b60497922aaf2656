-- Finished matches without statistics, newest first: those of tracked players, then tracked ones and those of tracked
-- hubs and championships.
-- What FACEIT did not know is asked for again once the match is twice as old as it was then.
WITH listed AS (
    SELECT
        matches.match_id,
        matches.finished_at,
        TRUE AS is_of_player
    FROM staging_faceit.history_players AS players
    INNER JOIN staging_faceit.history_matches AS matches ON matches.match_id = players.match_id
    WHERE players.player_id = ANY(%(players)s::text[])
        AND matches.game_id = %(game)s
        AND upper(matches.status) = 'FINISHED'
        AND players._deleted_at IS NULL
        AND matches._deleted_at IS NULL
    UNION ALL
    SELECT
        match_id,
        finished_at,
        FALSE AS is_of_player
    FROM staging_faceit.matches
    WHERE ((competition_id = ANY(%(competitions)s::text[]) AND game = %(game)s) OR match_id = ANY(%(explicit)s::text[]))
        AND upper(status) = 'FINISHED'
        AND _deleted_at IS NULL
),

wanted AS (
    SELECT
        match_id,
        max(finished_at) AS finished_at,
        bool_or(is_of_player) AS is_of_player
    FROM listed
    GROUP BY match_id
)

SELECT wanted.match_id
FROM wanted
LEFT JOIN staging_faceit.match_absences AS absent ON absent.match_id = wanted.match_id AND absent.part = 'stats'
WHERE NOT EXISTS (SELECT FROM staging_faceit.match_rounds AS known WHERE known.match_id = wanted.match_id)
    AND (
        absent.match_id IS NULL
        OR %(now)s - absent._observed_at
        > greatest(absent._observed_at - to_timestamp(wanted.finished_at), %(least_gap)s)
    )
    AND wanted.match_id <> ALL(%(refused)s::text[])
ORDER BY wanted.is_of_player DESC, wanted.finished_at DESC NULLS LAST, wanted.match_id
LIMIT %(budget)s
