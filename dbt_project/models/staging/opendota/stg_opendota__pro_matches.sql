select
    match_id,
    {{ timestamp_from_epoch('start_time') }} as played_at,
    radiant_win as is_radiant_win,
    {{ opendota_teams() }},
    {{ opendota_id('leagueid', 'league__leagueid') }} as league_id,
    {{ opendota_name('league_name', 'league__name') }} as league_name,
    radiant_score,
    dire_score
from {{ source('opendota', 'pro_matches') }}
where _deleted_at is null
