{#
    A map as a source spells it, in lower case, without path, ending and blanks around it: `de_pango` of
    `workshop/3070284539/de_pango`, `de_x` of `/maps/DE_X.bsp`; null for an empty text.
#}
{% macro normalized_map(text) -%}
    {{ adapter.dispatch('normalized_map')(text) }}
{%- endmacro %}

{% macro postgres__normalized_map(text) -%}
    nullif(
        {{ key_text("trim(regexp_replace(lower(rtrim(trim(" ~ text ~ "), '/')), '^.*[/\\\\=]|[.](bsp|vpk)$', '', 'g'))") }},
        ''
    )
{%- endmacro %}


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


{# The part of a text with a number, from 1 on, between separators; an empty text where there are fewer parts. #}
{% macro text_part(text, separator, number) -%}
    {{ dbt.split_part(text, "'" ~ separator ~ "'", number) }}
{%- endmacro %}
