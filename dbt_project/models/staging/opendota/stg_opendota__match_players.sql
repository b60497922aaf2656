select
    match_id,
    player_slot,
    {{ valid_account_id('account_id') }} as account_id,
    personaname as display_name,
    nullif(name, '') as professional_name,
    hero_id,
    kills,
    deaths,
    assists,
    leaver_status,
    party_size,
    last_hits,
    denies,
    gold_per_min,
    xp_per_min,
    hero_damage,
    tower_damage,
    hero_healing,
    net_worth,
    level
from {{ source('opendota', 'match_players') }}
where _deleted_at is null
