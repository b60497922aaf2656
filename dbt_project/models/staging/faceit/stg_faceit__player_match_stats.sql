select
    match_id,
    match_round,
    player_id,
    {{ normalized_map(json_text('stats', 'Map')) }} as map_id,
    {{ reported_winner(json_text('stats', 'Winner')) }} as winner_team_id,
    nullif(lower({{ json_text('stats', 'Game Mode') }}), '') as game_mode,
    {{ json_integer('stats', 'Best Of') }} as best_of,
    {{ json_integer('stats', 'Rounds') }} as rounds,
    coalesce(
        2 * {{ json_integer('stats', 'Final Score') }} = nullif({{ json_integer('stats', 'Rounds') }}, 0), false
    )
    or {{ is_tied_score(json_text('stats', 'Score')) }} as is_tied,
    {{ json_integer('stats', 'Kills') }} as kills,
    {{ json_integer('stats', 'Deaths') }} as deaths,
    {{ json_integer('stats', 'Assists') }} as assists,
    {{ json_integer('stats', 'MVPs') }} as mvps,
    {{ json_integer('stats', 'Headshots') }} as headshots,
    {{ json_integer('stats', 'Damage') }} as damage,
    {{ json_integer('stats', 'Double Kills') }} as double_kills,
    {{ json_integer('stats', 'Triple Kills') }} as triple_kills,
    {{ json_integer('stats', 'Quadro Kills') }} as quadro_kills,
    {{ json_integer('stats', 'Penta Kills') }} as penta_kills,
    {{ json_decimal('stats', 'ADR') }} as adr
from {{ source('faceit', 'player_match_stats') }}
where _deleted_at is null
