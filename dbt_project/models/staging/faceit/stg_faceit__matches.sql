select
    match_id,
    game,
    nullif(lower(status), '') as status,
    nullif(competition_id, '') as competition_id,
    nullif(competition_name, '') as competition_name,
    nullif(lower(competition_type), '') as competition_type,
    best_of,
    {{ timestamp_from_epoch('started_at') }} as started_at,
    {{ timestamp_from_epoch('finished_at') }} as finished_at,
    {{ faceit_duration('started_at', 'finished_at') }} as duration_s,
    nullif(winner, '') as winner,
    {{ json_integer('score', 'faction1') }} as faction1_score,
    {{ json_integer('score', 'faction2') }} as faction2_score,
    detailed_results,
    map_pick,
    map_entities
from {{ source('faceit', 'matches') }}
where _deleted_at is null
