select
    match_id,
    team_id,
    nullif(opposing_team_id, 0) as opponent_team_id,
    opposing_team_name as opponent_team_name,
    radiant as is_radiant,
    {{ timestamp_from_epoch('start_time') }} as played_at,
    radiant_win as is_radiant_win,
    -- 0 stands for none.
    nullif(leagueid, 0) as league_id,
    radiant_score,
    dire_score
from {{ source('opendota', 'team_matches') }}
where _deleted_at is null
