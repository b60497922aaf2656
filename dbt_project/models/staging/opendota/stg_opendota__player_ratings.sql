select
    account_id,
    {{ timestamp_from_iso('time') }} as observed_at,
    rank_tier,
    solo_competitive_rank as solo_mmr,
    competitive_rank as party_mmr
from {{ source('opendota', 'player_ratings') }}
where _deleted_at is null
