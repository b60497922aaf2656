-- Exact sums first, then their rates and Wilson intervals, with the formulas of dbt: a selection of one row returns the
-- values of that row.
WITH sums AS (
    SELECT
        game,
        character_id,
        sum(matches)::bigint AS matches,
        sum(wins)::bigint AS wins,
        sum(picks)::bigint AS picks,
        sum(bans)::bigint AS bans
    FROM marts.character_win_rates
    WHERE
        game = %(game)s
        AND (%(patch_id)s::text IS NULL OR patch_id = %(patch_id)s::text)
        AND (%(rank_bracket)s::text IS NULL OR rank_bracket = %(rank_bracket)s::text)
        AND (%(since)s::date IS NULL OR played_date >= %(since)s::date)
        AND (%(until)s::date IS NULL OR played_date <= %(until)s::date)
    GROUP BY game, character_id
),

totals AS (
    SELECT
        *,
        sum(picks) OVER () AS all_picks
    FROM sums
),

rates AS (
    SELECT
        *,
        {win_rate} AS win_rate,
        {win_rate_low} AS win_rate_low,
        {win_rate_high} AS win_rate_high,
        {share_of_picks} AS share_of_picks
    FROM totals
)

SELECT
    rates.character_id,
    characters.character_name,
    rates.matches,
    rates.wins,
    rates.matches - rates.wins AS losses,
    rates.win_rate,
    rates.win_rate_low,
    rates.win_rate_high,
    rates.picks,
    rates.share_of_picks,
    rates.bans
FROM rates
LEFT JOIN marts.dim_characters AS characters USING (game, character_id)
ORDER BY rates.win_rate_low DESC NULLS LAST, rates.character_id
