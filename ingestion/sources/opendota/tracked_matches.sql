-- Tracked matches that are due: in each run until they are settled, then at a long interval.
-- A match that is still flawed after its re-read is accepted as it is.
SELECT
    tracked.match_id,
    matches.start_time,
    rereads.reason,
    rereads.tries,
    rereads.first_at,
    greatest(rereads.last_at, absences._observed_at, matches._observed_at) AS last_at
FROM unnest(%(tracked)s::bigint[]) WITH ORDINALITY AS tracked (match_id, place)
LEFT JOIN staging_opendota.matches AS matches ON tracked.match_id = matches.match_id
LEFT JOIN staging_opendota.match_absences AS absences ON tracked.match_id = absences.match_id
LEFT JOIN ops.rereads AS rereads
    ON rereads.source = 'opendota' AND rereads.endpoint = 'match' AND rereads.id = tracked.match_id::text
WHERE matches.version IS NULL
    OR (rereads.reason <> 'flawed' OR rereads.due_at IS NOT NULL)
    OR matches._observed_at < %(read_before)s
ORDER BY tracked.place
