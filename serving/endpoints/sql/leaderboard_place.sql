WITH

requested AS (
    SELECT
        rank,
        player_id
    FROM marts.leaderboard_entries
    WHERE board = %(board)s AND player_id = %(player_id)s
),

above AS (
    SELECT
        entries.player_id,
        -row_number() OVER (ORDER BY entries.rank DESC, entries.player_id DESC) AS distance
    FROM marts.leaderboard_entries AS entries
    INNER JOIN requested ON (entries.rank, entries.player_id) < (requested.rank, requested.player_id)
    WHERE entries.board = %(board)s
    ORDER BY entries.rank DESC, entries.player_id DESC
    LIMIT %(neighbours)s
),

below AS (
    SELECT
        entries.player_id,
        row_number() OVER (ORDER BY entries.rank, entries.player_id) AS distance
    FROM marts.leaderboard_entries AS entries
    INNER JOIN requested ON (entries.rank, entries.player_id) > (requested.rank, requested.player_id)
    WHERE entries.board = %(board)s
    ORDER BY entries.rank, entries.player_id
    LIMIT %(neighbours)s
),

listed AS (
    SELECT
        player_id,
        0 AS distance
    FROM requested
    UNION ALL
    SELECT * FROM above
    UNION ALL
    SELECT * FROM below
)

SELECT
    listed.distance,
    (
        SELECT count(ranked.rank) FROM marts.leaderboard_entries AS ranked
        WHERE ranked.board = %(board)s
    ) AS players,
    entries.rank,
    entries.player_id,
    entries.display_name,
    entries.score,
    entries.matches,
    entries.wins,
    entries.draws,
    entries.losses,
    entries.win_rate
FROM listed
INNER JOIN marts.leaderboard_entries AS entries
    ON entries.board = %(board)s AND listed.player_id = entries.player_id
ORDER BY listed.distance
