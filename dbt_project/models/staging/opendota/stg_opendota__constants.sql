select
    resource,
    id as entry_id,
    value as entry
from {{ source('opendota', 'constants') }}
where _deleted_at is null
