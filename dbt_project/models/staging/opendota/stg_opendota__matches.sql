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
    -- 0 stands for none.
    nullif(leagueid, 0) as league_id,
    nullif(radiant_team_id, 0) as radiant_team_id,
    nullif(dire_team_id, 0) as dire_team_id,
    radiant_name as radiant_team_name,
    dire_name as dire_team_name,
    picks_bans
from {{ source('opendota', 'matches') }}
where _deleted_at is null
