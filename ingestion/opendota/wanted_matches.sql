-- Matches of tracked players, teams and leagues whose details were never asked for, or of whose details parts were
-- refused once, newest first.
-- A player's newest matches come from the end of the primary key, so that a long history is not sorted.
WITH of_players AS (
    SELECT newest.match_id
    FROM unnest(%(players)s::bigint[]) AS tracked (account_id)
    CROSS JOIN LATERAL (
        SELECT matches.match_id
        FROM staging_opendota.player_matches AS matches
        WHERE matches.account_id = tracked.account_id
            AND matches._deleted_at IS NULL
            AND (
                matches.match_id = ANY(%(flawed)s::bigint[])
                OR (
                    NOT EXISTS (SELECT FROM staging_opendota.matches AS known WHERE known.match_id = matches.match_id)
                    AND NOT EXISTS (
                        SELECT FROM staging_opendota.match_absences AS absent WHERE absent.match_id = matches.match_id
                    )
                )
            )
            AND matches.match_id <> ALL(%(refused)s::bigint[])
        ORDER BY matches.match_id DESC
        LIMIT %(budget)s
    ) AS newest
),

of_others AS (
    SELECT match_id FROM staging_opendota.team_matches
    WHERE team_id = ANY(%(teams)s::bigint[]) AND _deleted_at IS NULL
    UNION
    SELECT match_id FROM staging_opendota.league_matches
    WHERE leagueid = ANY(%(leagues)s::bigint[]) AND _deleted_at IS NULL
)

SELECT match_id FROM of_players
UNION
SELECT others.match_id
FROM of_others AS others
WHERE (
    others.match_id = ANY(%(flawed)s::bigint[])
    OR (
        NOT EXISTS (SELECT FROM staging_opendota.matches AS known WHERE known.match_id = others.match_id)
        AND NOT EXISTS (SELECT FROM staging_opendota.match_absences AS absent WHERE absent.match_id = others.match_id)
    )
)
AND others.match_id <> ALL(%(refused)s::bigint[])
ORDER BY match_id DESC
LIMIT %(budget)s
