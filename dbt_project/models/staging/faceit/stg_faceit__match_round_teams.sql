select
    match_id,
    match_round,
    team_id,
    premade as is_premade,
    {{ json_integer('team_stats', 'Final Score') }} as score
from {{ source('faceit', 'match_round_teams') }}
where _deleted_at is null
