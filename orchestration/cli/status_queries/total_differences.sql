SELECT
    source,
    player_id,
    measure,
    theirs,
    ours,
    differs_since,
    reread_for IS NOT DISTINCT FROM theirs - ours AS is_read_again,
    count(*) OVER () AS count
FROM ops.source_totals
WHERE differs_since IS NOT NULL
ORDER BY source, measure LIKE '% of %', abs(theirs - ours) DESC, player_id, measure
LIMIT 20
