{#
    All comments of a table in one statement after a full refresh: a changed description changes the project, which is
    then built with a full refresh. dbt's own macro first queries which columns exist, which the contract guarantees
    here.
#}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) %}
    {%- if for_relation and config.persist_relation_docs() and model.description and not is_incremental() -%}
        {%- do run_query(comments(relation, model)) -%}
    {%- endif -%}
{% endmacro %}

{% macro comments(relation, model) -%}
    comment on table {{ relation }} is {{ postgres_escape_comment(model.description) }};
    {% for column in model.columns.values() if column.description -%}
        comment on column {{ relation }}.{{ column.name }} is {{ postgres_escape_comment(column.description) }};
    {% endfor %}
{%- endmacro %}
