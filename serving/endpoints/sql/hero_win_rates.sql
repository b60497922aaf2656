-- Sums are exact; rates and Wilson's interval (z = 1.96) are computed over the sums, in the marts' own decimal form, so that
-- a selection of one row answers what the row says.
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

spreads AS (
    SELECT
        *,
        sum(picks) OVER () AS all_picks,
        1.96 * sqrt(wins::numeric * (matches - wins) / nullif(matches, 0) + 0.9604) AS spread
    FROM sums
),

rates AS (
    SELECT
        *,
        round(wins::numeric / nullif(matches, 0), 6) AS win_rate,
        round((wins + 1.9208 - spread) / (matches + 3.8416), 6) AS win_rate_low,
        round((wins + 1.9208 + spread) / (matches + 3.8416), 6) AS win_rate_high,
        round(picks::numeric / nullif(all_picks, 0), 6) AS share_of_picks
    FROM spreads
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
