{#
    Statistics for a table that was built anew. Who reads it next, a model or an analyst, comes long before PostgreSQL
    would look at it by itself; a table that changed a little keeps those that it has.
#}
{% macro analyze_rebuilt() -%}
    {{ adapter.dispatch('analyze_rebuilt')() }}
{%- endmacro %}

{% macro default__analyze_rebuilt() -%}{%- endmacro %}

{% macro postgres__analyze_rebuilt() -%}
    {{ 'analyze ' ~ this if not is_incremental() }}
{%- endmacro %}
