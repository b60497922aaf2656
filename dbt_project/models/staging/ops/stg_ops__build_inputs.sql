select
    colour,
    as_of_date
from {{ source('ops', 'build_inputs') }}
union all
-- A developer's build uses the date of the published generation.
select
    'dev' as colour,
    newest.as_of_date
from (
    select as_of_date from {{ source('ops', 'generations') }}
    order by generation desc
    limit 1
) as newest
