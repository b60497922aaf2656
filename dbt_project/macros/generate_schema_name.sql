{#
    Marts are built in the schema of the target's colour, `marts_blue` or `marts_green`, so that a build never changes
    the published tables. Both colours share `prep`: its views and seeds keep no state of a build, and its tables have
    the colour in their names. The target `dev` builds everything in the developer's own schema.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if is_dev() -%}
        {{ target.schema }}
    {%- elif custom_schema_name == 'marts' -%}
        marts_{{ colour() }}
    {%- elif node is not none and node.resource_type == 'test' -%}
        {#- dbt creates schemas before hooks run; an existing schema lets `require_registered_build` fail first. -#}
        {{ target.schema }}
    {%- else -%}
        {{ custom_schema_name or target.schema }}
    {%- endif -%}
{%- endmacro %}


{#
    The colour or other target that is being built. `scratch` holds a rebuild for comparison and has no readers; `dev`
    is a developer's own schema.
#}
{% macro colour() -%}
    {%- if target.name not in ('blue', 'green', 'scratch', 'dev') -%}
        {{ exceptions.raise_compiler_error("the target must be dev, not " ~ target.name) }}
    {%- endif -%}
    {{ target.name }}
{%- endmacro %}


{# Whether a developer's schema is built: plain tables, as on an engine without feeds, and no writes to `ops`. #}
{% macro is_dev() -%}
    {%- if target.name == 'dev' and not target.schema.startswith('dev_') -%}
        {{ exceptions.raise_compiler_error("a developer's schema is named dev_..., not " ~ target.schema) }}
    {%- endif -%}
    {{ return(target.name == 'dev') }}
{%- endmacro %}
