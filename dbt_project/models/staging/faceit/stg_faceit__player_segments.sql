select
    player_id,
    game_id as game,
    mode,
    -- `Inferno` in cs2, `de_inferno` before.
    {{ normalized_map('label') }} as reported_map_id,
    {{ json_integer('stats', 'Matches') }} as matches,
    {{ json_integer('stats', 'Wins') }} as wins,
    {{ json_integer('stats', 'Rounds') }} as rounds,
    {{ json_integer('stats', 'Kills') }} as kills,
    {{ json_integer('stats', 'Deaths') }} as deaths,
    {{ json_integer('stats', 'Assists') }} as assists,
    {{ json_integer('stats', 'MVPs') }} as mvps,
    {{ json_integer('stats', 'Headshots') }} as headshots,
    {{ json_integer('stats', 'Triple Kills') }} as triple_kills,
    {{ json_integer('stats', 'Quadro Kills') }} as quadro_kills,
    {{ json_integer('stats', 'Penta Kills') }} as penta_kills,
    {{ json_decimal('stats', 'Win Rate %') }} as win_percentage,
    {{ json_decimal('stats', 'Average K/D Ratio') }} as average_kd_ratio,
    {{ json_decimal('stats', 'Average K/R Ratio') }} as average_kr_ratio,
    {{ json_decimal('stats', 'Average Headshots %') }} as average_headshots_percentage,
    {{ json_decimal('stats', 'K/D Ratio') }} as kd_ratio_sum,
    {{ json_decimal('stats', 'K/R Ratio') }} as kr_ratio_sum,
    {{ json_decimal('stats', 'Total Headshots %') }} as headshots_percentage_sum,
    {{ json_decimal('stats', 'ADR') }} as adr
from {{ source('faceit', 'player_segments') }}
where _deleted_at is null and lower(type) = 'map'
