{# A text with each word's first letter in upper case and the rest in lower. #}
{% macro title_case(text) -%}
    {{ adapter.dispatch('title_case')(text) }}
{%- endmacro %}

{% macro postgres__title_case(text) -%}
    initcap({{ text }})
{%- endmacro %}
