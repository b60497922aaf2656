{#
    Every row satisfies every named expression; an expression that is null for a row says nothing about it. Several
    expressions share one test, because each test costs a connection.
#}
{% test holds(model, expressions) %}

with checked as (

    select
        *,
        case
            {% for name, expression in expressions.items() %}
            when not ({{ expression }}) then '{{ name }}'
            {% endfor %}
        end as broken_expression
    from {{ model }}

)

select * from checked
where broken_expression is not null

{% endtest %}
