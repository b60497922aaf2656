-- Exact sums first, then their rates and Wilson intervals, with the formulas of dbt.
WITH sums AS (
    SELECT
        date_trunc('week', played_date::timestamp)::date AS week_start_date,
        sum(matches)::bigint AS matches,
        sum(wins)::bigint AS wins,
        sum(picks)::bigint AS picks,
        sum(bans)::bigint AS bans
    FROM marts.character_win_rates
    WHERE
        game = %(game)s
        AND character_id = %(character_id)s
        AND (%(rank_bracket)s::text IS NULL OR rank_bracket = %(rank_bracket)s::text)
        AND (%(since)s::date IS NULL OR played_date >= %(since)s::date)
        AND (%(until)s::date IS NULL OR played_date <= %(until)s::date)
    GROUP BY 1
)

SELECT
    week_start_date,
    matches,
    wins,
    matches - wins AS losses,
    {win_rate} AS win_rate,
    {win_rate_low} AS win_rate_low,
    {win_rate_high} AS win_rate_high,
    picks,
    bans
FROM sums
ORDER BY week_start_date
