select
    match_id,
    team_id,
    {{ opendota_id('opposing_team_id', 'opposing_team__team_id') }} as opponent_team_id,
    {{ opendota_name('opposing_team_name', 'opposing_team__name') }} as opponent_team_name,
    radiant as is_radiant,
    {{ timestamp_from_epoch('start_time') }} as played_at,
    radiant_win as is_radiant_win,
    {{ opendota_id('leagueid', 'league__leagueid') }} as league_id,
    {{ opendota_name('league_name', 'league__name') }} as league_name,
    radiant_score,
    dire_score
from {{ source('opendota', 'team_matches') }}
where _deleted_at is null
