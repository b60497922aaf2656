{# An integer under a key of a JSON object, sent as text or as a number, also as `12.0` or ` 12`; null for what is none. #}
{% macro json_integer(json, key) -%}
    {{ adapter.dispatch('json_integer')(json, key) }}
{%- endmacro %}

{% macro postgres__json_integer(json, key) -%}
    case
        when {{ json_text(json, key) }} ~ '^\s*[-+]?[0-9]{1,9}([.]0{1,20})?\s*$'
            then cast(cast({{ json_text(json, key) }} as numeric) as integer)
    end
{%- endmacro %}


{# A decimal number under a key of a JSON object, sent as text or as a number; null for what is none. #}
{% macro json_decimal(json, key) -%}
    {{ adapter.dispatch('json_decimal')(json, key) }}
{%- endmacro %}

{% macro postgres__json_decimal(json, key) -%}
    case
        when {{ json_text(json, key) }} ~ '^\s*[-+]?[0-9]{1,18}([.][0-9]{1,18})?\s*$'
            then cast({{ json_text(json, key) }} as numeric)
    end
{%- endmacro %}


{#
    The Steam account id (32 bit) in a text: a Steam id of 64 bits is the account id above a fixed base, `[U:1:n]` names
    it; null for what is neither, and for accounts of no player (`known_account`).
#}
{% macro steam_account_id(text) -%}
    {{ adapter.dispatch('steam_account_id')(text) }}
{%- endmacro %}

{% macro postgres__steam_account_id(text) -%}
    case
        when {{ text }} between '76561197960265729' and '76561202255233022' and {{ text }} ~ '^[0-9]{17}$'
            then cast({{ text }} as bigint) - {{ steam_id64_base() }}
        when {{ text }} ~ '^\[U:1:[1-9][0-9]{0,9}\]$'
            then {{ known_account('cast(substring(' ~ text ~ ' from 6 for length(' ~ text ~ ') - 6) as bigint)') }}
    end
{%- endmacro %}
