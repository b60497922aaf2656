{#
    No two rows have the same values in these columns; rows with a null among them are ignored.

    combination_of_columns: columns of the key.
#}
{% test unique_combination_of_columns(model, combination_of_columns) %}

select
    {{ combination_of_columns | join(', ') }},
    count(*) as rows_found
from {{ model }}
where {% for column in combination_of_columns %}{{ column }} is not null{{ " and " if not loop.last }}{% endfor %}
group by {{ combination_of_columns | join(', ') }}
having count(*) > 1

{% endtest %}
