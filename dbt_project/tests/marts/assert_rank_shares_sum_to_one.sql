-- Shares are rounded to 6 digits; the cumulative share is rounded once and ends with exactly 1.
select
    game,
    ladder,
    observed_date,
    sum(share) as total_share,
    max(cumulative_share) as last_share
from {{ ref('rank_distribution') }}
group by game, ladder, observed_date
having abs(sum(share) - 1) > 0.0000005 * count(*) or max(cumulative_share) <> 1
