{#
    Whitespace around a number that ingestion accepts (`warehouse/model/values.py`). Ingestion counts the values that
    models cannot read, so both must change together.
#}
{% macro whitespace_pattern() -%}
    [\t-\r \u00a0\u2000-\u200a\u202f\u3000]*
{%- endmacro %}


{# Pattern of a text that is a number. #}
{% macro number_pattern() -%}
    ^{{ whitespace_pattern() }}[-+]?[0-9]{1,40}([.][0-9]{1,200}[0-9]{0,200})?([eE][-+]?[0-9]{1,2})?
    {{- whitespace_pattern() }}$
{%- endmacro %}


{# The number in a text that matches `number_pattern`. #}
{% macro matched_number(text) -%}
    cast(substring({{ text }} from '[-+.0-9eE]+') as numeric)
{%- endmacro %}


{#
    The value of a key of a JSON object as an integer, from a number or a text, also `12.0`, ` 12` or `1.2e1`; null for
    other values and beyond +-10^9.
#}
{% macro json_integer(json, key) -%}
    {{ adapter.dispatch('json_integer')(json, key) }}
{%- endmacro %}

{#- The first pattern is cheaper and matches nearly all numbers. -#}
{% macro postgres__json_integer(json, key) -%}
    {%- set text = json_text(json, key) -%}
    case
        when {{ text }} ~ '^-?[0-9]{1,9}$'
            then cast({{ text }} as integer)
        when {{ text }} ~ '{{ number_pattern() }}'
            then case
                when {{ matched_number(text) }} between -1000000000 and 1000000000
                    then case
                        when {{ matched_number(text) }} % 1 = 0 then cast({{ matched_number(text) }} as integer)
                    end
            end
    end
{%- endmacro %}


{#
    The value of a key of a JSON object as a decimal number, from a number or a text; null for other values and beyond
    +-10^18.
#}
{% macro json_decimal(json, key) -%}
    {{ adapter.dispatch('json_decimal')(json, key) }}
{%- endmacro %}

{% macro postgres__json_decimal(json, key) -%}
    {%- set text = json_text(json, key) -%}
    case
        when {{ text }} ~ '^-?[0-9]{1,18}([.][0-9]{1,18})?$'
            then cast({{ text }} as numeric)
        when {{ text }} ~ '{{ number_pattern() }}'
            then case
                when {{ matched_number(text) }} between -1000000000000000000 and 1000000000000000000
                    then trim_scale(round({{ matched_number(text) }}, 18))
            end
    end
{%- endmacro %}


{# The value of a key of a JSON object as a boolean, from `true`, `1`, `false`, `0` and the like; null for others. #}
{% macro json_boolean(json, key) -%}
    {{ adapter.dispatch('json_boolean')(json, key) }}
{%- endmacro %}

{% macro postgres__json_boolean(json, key) -%}
    {%- set blanks = whitespace_pattern() -%}
    case
        when lower({{ json_text(json, key) }}) ~ '^{{ blanks }}(true|1([.]0{1,20})?){{ blanks }}$' then true
        when lower({{ json_text(json, key) }}) ~ '^{{ blanks }}(false|0([.]0{1,20})?){{ blanks }}$' then false
    end
{%- endmacro %}


{#
    The Steam account id (32 bit) of a text that is a Steam id (64 bit) or has the form `[U:1:n]`; null for other texts
    and for ids that identify no player (`valid_account_id`).
#}
{% macro steam_account_id(text) -%}
    {{ adapter.dispatch('steam_account_id')(text) }}
{%- endmacro %}

{% macro postgres__steam_account_id(text) -%}
    case
        when {{ text }} between '76561197960265729' and '76561202255233022' and {{ text }} ~ '^[0-9]{17}$'
            then cast({{ text }} as bigint) - {{ steam_id64_base() }}
        when {{ text }} ~ '^\[U:1:[1-9][0-9]{0,9}\]$'
            then {{ valid_account_id('cast(substring(' ~ text ~ ' from 6 for length(' ~ text ~ ') - 6) as bigint)') }}
    end
{%- endmacro %}
