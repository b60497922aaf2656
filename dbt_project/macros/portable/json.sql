{# The value of a key of a JSON object, as text. #}
{% macro json_text(json, key) -%}
    {{ adapter.dispatch('json_text')(json, key) }}
{%- endmacro %}

{% macro postgres__json_text(json, key) -%}
    {{ json }} ->> '{{ key }}'
{%- endmacro %}


{# The value of a key of a JSON object, as JSON. #}
{% macro json_value(json, key) -%}
    {{ adapter.dispatch('json_value')(json, key) }}
{%- endmacro %}

{% macro postgres__json_value(json, key) -%}
    {{ json }} -> '{{ key }}'
{%- endmacro %}


{# Whether a JSON value is an object. #}
{% macro json_is_object(json) -%}
    {{ adapter.dispatch('json_is_object')(json) }}
{%- endmacro %}

{% macro postgres__json_is_object(json) -%}
    jsonb_typeof({{ json }}) = 'object'
{%- endmacro %}


{# A relation with one row per element of a JSON array (`value`), for a cross join; no rows if it is not an array. #}
{% macro json_elements(json) -%}
    {{ adapter.dispatch('json_elements')(json) }}
{%- endmacro %}

{% macro postgres__json_elements(json) -%}
    lateral jsonb_array_elements(case when jsonb_typeof({{ json }}) = 'array' then {{ json }} else '[]' end)
{%- endmacro %}


{# The element of a JSON array at an index from 0, as JSON; null beyond the end and if it is not an array. #}
{% macro json_item(json, index) -%}
    {{ adapter.dispatch('json_item')(json, index) }}
{%- endmacro %}

{% macro postgres__json_item(json, index) -%}
    {{ json }} -> cast({{ index }} as integer)
{%- endmacro %}


{# The element of a JSON array at an index from 0, as text; null beyond the end and if it is not an array. #}
{% macro json_item_text(json, index) -%}
    {{ adapter.dispatch('json_item_text')(json, index) }}
{%- endmacro %}

{% macro postgres__json_item_text(json, index) -%}
    {{ json }} ->> cast({{ index }} as integer)
{%- endmacro %}


{# Whether a JSON array of texts contains a text; null for an empty array and if it is not an array. #}
{% macro json_array_has(json, text) -%}
    {{ adapter.dispatch('json_array_has')(json, text) }}
{%- endmacro %}

{% macro postgres__json_array_has(json, text) -%}
    case when jsonb_typeof({{ json }}) = 'array' and {{ json }} <> '[]' then jsonb_exists({{ json }}, {{ text }}) end
{%- endmacro %}
