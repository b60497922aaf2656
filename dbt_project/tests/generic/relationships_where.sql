{#
    Every row has a matching row in another relation, where all of its columns are not null.

    to: the other relation.
    columns: columns of the foreign key, with the same names in both relations.
#}
{% test relationships_where(model, to, columns) %}

select distinct {% for column in columns %}child.{{ column }}{{ ", " if not loop.last }}{% endfor %}
from {{ model }} as child
left join {{ to }} as parent
    on {% for column in columns %}child.{{ column }} = parent.{{ column }}{{ " and " if not loop.last }}{% endfor %}
where {% for column in columns %}child.{{ column }} is not null and {% endfor %}parent.{{ columns[0] }} is null

{% endtest %}
