select
    source as source_name,
    name as cursor_name,
    value as cursor_value
from {{ source('ops', 'cursors') }}
