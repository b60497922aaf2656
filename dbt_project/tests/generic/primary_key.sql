{#
    These columns identify each row: none is null, and no two rows have the same values. For relations whose key no
    constraint of the database enforces.

    columns: columns of the key.
#}
{% test primary_key(model, columns) %}

select
    {{ columns | join(', ') }},
    count(*) as rows_found
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1{% for column in columns %} or {{ column }} is null{% endfor %}

{% endtest %}
