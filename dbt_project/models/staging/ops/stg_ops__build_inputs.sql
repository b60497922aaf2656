select
    colour,
    as_of_date
from {{ source('ops', 'build_inputs') }}
