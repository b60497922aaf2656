select
    account_id,
    match_id,
    player_slot,
    radiant_win as is_radiant_win,
    {{ timestamp_from_epoch('start_time') }} as played_at,
    duration as duration_s,
    game_mode,
    lobby_type,
    hero_id,
    version as parser_version,
    kills,
    deaths,
    assists,
    average_rank,
    leaver_status,
    party_size
from {{ source('opendota', 'player_matches') }}
where _deleted_at is null
