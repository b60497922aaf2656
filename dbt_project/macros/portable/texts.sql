{# A text with each word's first letter in upper case and the rest in lower. #}
{% macro title_case(text) -%}
    {{ adapter.dispatch('title_case')(text) }}
{%- endmacro %}

{% macro postgres__title_case(text) -%}
    initcap({{ text }})
{%- endmacro %}


{# A text of a source as a part of a key: no longer than an index can hold. #}
{% macro key_text(text) -%}
    left({{ text }}, 100)
{%- endmacro %}
