select
    match_id,
    {{ timestamp_from_epoch('start_time') }} as played_at,
    radiant_win as is_radiant_win,
    -- 0 stands for none.
    nullif(radiant_team_id, 0) as radiant_team_id,
    nullif(dire_team_id, 0) as dire_team_id,
    radiant_name as radiant_team_name,
    dire_name as dire_team_name,
    nullif(leagueid, 0) as league_id,
    league_name,
    radiant_score,
    dire_score
from {{ source('opendota', 'pro_matches') }}
where _deleted_at is null
