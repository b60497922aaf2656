SELECT
    ladder,
    observed_date,
    rank_value,
    rank_name,
    leaderboard_rank,
    change,
    change_steps,
    peak_rank_value,
    days_held
FROM marts.rank_progression
WHERE
    game = %(game)s
    AND player_id = %(player_id)s
    AND (%(ladder)s::text IS NULL OR ladder = %(ladder)s::text)
    AND (
        %(after_ladder)s::text IS NULL
        OR (ladder, observed_date) > (%(after_ladder)s::text, %(after_observed_date)s::date)
    )
ORDER BY ladder, observed_date
LIMIT %(limit)s
