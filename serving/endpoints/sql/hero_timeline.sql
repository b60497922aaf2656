-- As in hero_win_rates: sums first, then rates and Wilson's interval (z = 1.96) over them.
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
),

spreads AS (
    SELECT
        *,
        1.96 * sqrt(wins::numeric * (matches - wins) / nullif(matches, 0) + 0.9604) AS spread
    FROM sums
)

SELECT
    week_start_date,
    matches,
    wins,
    matches - wins AS losses,
    round(wins::numeric / nullif(matches, 0), 6) AS win_rate,
    round((wins + 1.9208 - spread) / (matches + 3.8416), 6) AS win_rate_low,
    round((wins + 1.9208 + spread) / (matches + 3.8416), 6) AS win_rate_high,
    picks,
    bans
FROM spreads
ORDER BY week_start_date
