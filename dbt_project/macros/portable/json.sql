{# The text under a key of a JSON object. #}
{% macro json_text(json, key) -%}
    {{ adapter.dispatch('json_text')(json, key) }}
{%- endmacro %}

{% macro postgres__json_text(json, key) -%}
    {{ json }} ->> '{{ key }}'
{%- endmacro %}


{# The JSON under a key of a JSON object. #}
{% macro json_value(json, key) -%}
    {{ adapter.dispatch('json_value')(json, key) }}
{%- endmacro %}

{% macro postgres__json_value(json, key) -%}
    {{ json }} -> '{{ key }}'
{%- endmacro %}


{# A relation with one row an element of a JSON array, as `value`, to cross join; no row for what is not an array. #}
{% macro json_elements(json) -%}
    {{ adapter.dispatch('json_elements')(json) }}
{%- endmacro %}

{% macro postgres__json_elements(json) -%}
    lateral jsonb_array_elements(case when jsonb_typeof({{ json }}) = 'array' then {{ json }} else '[]' end)
{%- endmacro %}
