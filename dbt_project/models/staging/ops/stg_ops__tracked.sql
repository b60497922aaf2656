select
    source as source_name,
    kind,
    id as tracked_id,
    added_at
from {{ source('ops', 'tracked') }}
where removed_at is null
