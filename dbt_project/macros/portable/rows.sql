{# Whether two rows are equal in all these columns; nulls are equal. #}
{% macro same_row(left, right, columns) -%}
    {{ adapter.dispatch('same_row')(left, right, columns) }}
{%- endmacro %}

{% macro postgres__same_row(left, right, columns) -%}
    row({% for column in columns %}{{ left }}.{{ column }}{{ ", " if not loop.last }}{% endfor %})
    is not distinct from
    row({% for column in columns %}{{ right }}.{{ column }}{{ ", " if not loop.last }}{% endfor %})
{%- endmacro %}


{# Value of the newest row of a small relation with `valid_from` <= `time`; null before the first row. #}
{% macro value_as_of(time, relation, valid_from, value) -%}
    {{ adapter.dispatch('value_as_of')(time, relation, valid_from, value) }}
{%- endmacro %}

{#- A binary search in sorted arrays; a range join would compare every row with every entry. -#}
{% macro postgres__value_as_of(time, relation, valid_from, value) -%}
    (
        (select array_agg({{ value }} order by {{ valid_from }}, {{ value }}) from {{ relation }})
    )[
        width_bucket({{ time }}, (select array_agg({{ valid_from }} order by {{ valid_from }}) from {{ relation }}))
    ]
{%- endmacro %}


{# A digest of the rows of a small relation. #}
{% macro content_digest(relation) -%}
    {{ adapter.dispatch('content_digest')(relation) }}
{%- endmacro %}

{% macro postgres__content_digest(relation) -%}
    (select md5(coalesce(string_agg(cast(r as text), ' ' order by cast(r as text)), '')) from {{ relation }} as r)
{%- endmacro %}
