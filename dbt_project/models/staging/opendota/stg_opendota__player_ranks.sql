select
    account_id,
    {{ timestamp_from_iso('observed_at') }} as observed_at,
    rank_tier,
    leaderboard_rank,
    solo_competitive_rank as solo_mmr,
    competitive_rank as party_mmr
from {{ source('opendota', 'player_ranks') }}
where _deleted_at is null
