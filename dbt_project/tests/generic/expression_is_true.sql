{#
    Every row satisfies every named expression; an expression that is null for a row says nothing about it. Several
    expressions share one test, because each test costs a connection.
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
