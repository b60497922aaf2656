{#
    The name of a map as a source sends it, in lower case, without path, file extension and surrounding blanks:
    `de_pango` for `workshop/3070284539/de_pango`, `de_x` for `/maps/DE_X.bsp`; null for an empty text.
#}
{% macro normalized_map(text) -%}
    {{ adapter.dispatch('normalized_map')(text) }}
{%- endmacro %}

{% macro postgres__normalized_map(text) -%}
    nullif(
        {{ key_text(
            "trim(regexp_replace(lower(rtrim(trim(" ~ text ~ "), '/')), '^.*[/\\\\=]|[.](bsp|vpk)$', '', 'g'))"
        ) }},
        ''
    )
{%- endmacro %}


{# A text in title case. #}
{% macro title_case(text) -%}
    {{ adapter.dispatch('title_case')(text) }}
{%- endmacro %}

{% macro postgres__title_case(text) -%}
    initcap({{ text }})
{%- endmacro %}


{# A text of a source as part of a key, cut to a length that an index can hold. #}
{% macro key_text(text) -%}
    left({{ text }}, 100)
{%- endmacro %}


{# The nth part of a text between separators, from 1; an empty text if there are fewer parts. #}
{% macro text_part(text, separator, number) -%}
    {{ dbt.split_part(text, "'" ~ separator ~ "'", number) }}
{%- endmacro %}
