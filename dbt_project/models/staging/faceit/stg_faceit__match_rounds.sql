select
    match_id,
    match_round,
    best_of,
    nullif(lower(game_mode), '') as game_mode,
    coalesce(played <> 0, true) as is_played,
    {{ normalized_map(json_text('round_stats', 'Map')) }} as map_id,
    {{ reported_winner(json_text('round_stats', 'Winner')) }} as winner_team_id,
    {{ json_integer('round_stats', 'Rounds') }} as rounds,
    {{ is_tied_score(json_text('round_stats', 'Score')) }} as is_tied
from {{ source('faceit', 'match_rounds') }}
where _deleted_at is null
