{#
    Every row satisfies every named expression; null counts as satisfied. One test checks several expressions, because
    each test costs a connection.

    expressions: SQL conditions by name.
#}
{% test expression_is_true(model, expressions) %}

with checked as (

    select
        *,
        case
            {% for name, expression in expressions.items() %}
            when not ({{ expression }}) then '{{ name }}'
            {% endfor %}
        end as failed_expression
    from {{ model }}

)

select * from checked
where failed_expression is not null

{% endtest %}
