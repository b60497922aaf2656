select
    match_id,
    {{ timestamp_from_epoch('start_time') }} as played_at,
    radiant_win as is_radiant_win,
    duration as duration_s,
    game_mode,
    lobby_type,
    patch,
    version as parser_version,
    radiant_score,
    dire_score,
    {{ opendota_id('leagueid', 'league__leagueid') }} as league_id,
    nullif(league__name, '') as league_name,
    {{ opendota_teams() }},
    picks_bans
from {{ source('opendota', 'matches') }}
where _deleted_at is null
