{#
    ANALYZE of a table that was built from scratch, because its readers come long before autovacuum. A table that was
    updated keeps its statistics.
#}
{% macro analyze_rebuilt() -%}
    {{ adapter.dispatch('analyze_rebuilt')() }}
{%- endmacro %}

{% macro default__analyze_rebuilt() -%}{%- endmacro %}

{% macro postgres__analyze_rebuilt() -%}
    {{ 'analyze ' ~ this if not is_incremental() }}
{%- endmacro %}
