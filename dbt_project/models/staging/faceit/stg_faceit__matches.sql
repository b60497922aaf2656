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
    -- Absurd numbers give no length, and stop no build.
    case
        when started_at between 0 and 4102444799
            then case
                    when finished_at between started_at + 1 and started_at + 604800
                        then cast(finished_at - started_at as integer)
                end
    end as duration_s,
    nullif(winner, '') as winner,
    {{ json_integer('score', 'faction1') }} as faction1_score,
    {{ json_integer('score', 'faction2') }} as faction2_score,
    detailed_results,
    map_pick
from {{ source('faceit', 'matches') }}
where _deleted_at is null
