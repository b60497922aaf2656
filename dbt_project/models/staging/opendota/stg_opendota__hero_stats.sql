select
    id as hero_id,
    localized_name as character_name,
    name as internal_name,
    primary_attr as primary_attribute,
    attack_type,
    roles
from {{ source('opendota', 'hero_stats') }}
where _deleted_at is null
