select
    player_id,
    game,
    {{ timestamp_from_iso('observed_at') }} as observed_at,
    seen_in,
    region,
    faceit_elo,
    case when skill_level between 1 and 10 then skill_level end as skill_level,
    position as leaderboard_rank
from {{ source('faceit', 'player_elos') }}
where _deleted_at is null
