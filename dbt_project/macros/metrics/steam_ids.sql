{# What a Steam id of 64 bits has above the Steam account id, which is OpenDota's account id. #}
{% macro steam_id64_base() -%}
    76561197960265728
{%- endmacro %}


{# The Steam id of 64 bits, as text, of an account id given as text; null for none. #}
{% macro steam_id64(account_id) -%}
    cast(cast({{ account_id }} as numeric) + {{ steam_id64_base() }} as text)
{%- endmacro %}
