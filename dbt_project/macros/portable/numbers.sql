{#
    Blanks around a number, as ingestion reads it (`warehouse/values.py`), which counts what cannot be read: both have to
    change together.
#}
{% macro whitespace_pattern() -%}
    [\t-\r \u00a0\u2000-\u200a\u202f\u3000]*
{%- endmacro %}


{# A number in a text. #}
{% macro number_pattern() -%}
    ^{{ whitespace_pattern() }}[-+]?[0-9]{1,40}([.][0-9]{1,200}[0-9]{0,200})?([eE][-+]?[0-9]{1,2})?{{ whitespace_pattern() }}$
{%- endmacro %}


{# The number in a text that `number_pattern` matches. #}
{% macro matched_number(text) -%}
    cast(substring({{ text }} from '[-+.0-9eE]+') as numeric)
{%- endmacro %}


{#
    An integer under a key of a JSON object, sent as text or as a number, also as `12.0`, ` 12` or `1.2e1`; null for what
    is none, or more than 10^9 either way.
#}
{% macro json_integer(json, key) -%}
    {{ adapter.dispatch('json_integer')(json, key) }}
{%- endmacro %}

{#- The first pattern is that of nearly all numbers, and the cheaper one. -#}
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
    A decimal number under a key of a JSON object, sent as text or as a number; null for what is none, or more than 10^18
    either way.
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


{# Whether it is true what is under a key of a JSON object, `true`, `1` and the like; null for what says neither. #}
{% macro json_boolean(json, key) -%}
    {{ adapter.dispatch('json_boolean')(json, key) }}
{%- endmacro %}

{% macro postgres__json_boolean(json, key) -%}
    case
        when lower({{ json_text(json, key) }}) ~ '^{{ whitespace_pattern() }}(true|1([.]0{1,20})?){{ whitespace_pattern() }}$'
            then true
        when lower({{ json_text(json, key) }}) ~ '^{{ whitespace_pattern() }}(false|0([.]0{1,20})?){{ whitespace_pattern() }}$'
            then false
    end
{%- endmacro %}


{#
    The Steam account id (32 bit) in a text: a Steam id of 64 bits is the account id above a fixed base, `[U:1:n]` names
    it; null for what is neither, and for accounts of no player (`valid_account_id`).
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
