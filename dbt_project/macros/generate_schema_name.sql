{#
    Marts are built in the colour that the target names, `marts_blue` or `marts_green`, so that a build never touches
    what is being read. `prep` is shared by both colours: it holds views on staging and seeds, which keep no state of
    a build, and tables whose names carry the colour. In `dev` everything is built in one schema, the developer's own.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if is_dev() -%}
        {{ target.schema }}
    {%- elif custom_schema_name == 'marts' -%}
        marts_{{ colour() }}
    {%- elif node is not none and node.resource_type == 'test' -%}
        {#- dbt makes schemas before hooks run: one that exists lets the refusal of unregistered builds come first. -#}
        {{ target.schema }}
    {%- else -%}
        {{ custom_schema_name or target.schema }}
    {%- endif -%}
{%- endmacro %}


{#
    What is being built: the name of the target. `scratch` is read by no client, for a rebuild to compare with;
    `dev` is a developer's own schema.
#}
{% macro colour() -%}
    {%- if target.name not in ('blue', 'green', 'scratch', 'dev') -%}
        {{ exceptions.raise_compiler_error("the target must be dev, not " ~ target.name) }}
    {%- endif -%}
    {{ target.name }}
{%- endmacro %}


{# Whether a developer's schema is built: whole tables, as on an engine without feeds, and nothing in `ops`. #}
{% macro is_dev() -%}
    {%- if target.name == 'dev' and not target.schema.startswith('dev_') -%}
        {{ exceptions.raise_compiler_error("a developer's schema is named dev_..., not " ~ target.schema) }}
    {%- endif -%}
    {{ return(target.name == 'dev') }}
{%- endmacro %}
