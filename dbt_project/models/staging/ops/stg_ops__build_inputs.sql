select
    colour,
    as_of_date
from {{ source('ops', 'build_inputs') }}
union all
-- A developer's marts hang on the date of those that readers see.
select
    'dev' as colour,
    as_of_date
from {{ source('ops', 'generations') }}
where generation = (select max(generation) from {{ source('ops', 'generations') }})
