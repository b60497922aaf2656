{#
    Marts are built in the colour that the target names, `marts_blue` or `marts_green`, so that a build never touches
    what is being read. `prep` is shared by both colours: it holds views on staging and seeds, which keep no state of
    a build, and tables whose names carry the colour.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name == 'marts' -%}
        marts_{{ colour() }}
    {%- else -%}
        {{ custom_schema_name or target.schema }}
    {%- endif -%}
{%- endmacro %}


{#
    The colour being built: the name of the target. `scratch` is a place that nobody reads, for a rebuild to compare
    with.
#}
{% macro colour() -%}
    {%- if target.name not in ('blue', 'green', 'scratch') -%}
        {{ exceptions.raise_compiler_error("the target must be blue, green or scratch, not " ~ target.name) }}
    {%- endif -%}
    {{ target.name }}
{%- endmacro %}
