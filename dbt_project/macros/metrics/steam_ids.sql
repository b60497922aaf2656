{# Offset of a Steam id (64 bit) from the Steam account id (32 bit), which is OpenDota's account id. #}
{% macro steam_id64_base() -%}
    76561197960265728
{%- endmacro %}


{# The Steam id (64 bit), as text, of a Steam account id given as text; null for null. #}
{% macro steam_id64(account_id) -%}
    cast(cast({{ account_id }} as numeric) + {{ steam_id64_base() }} as text)
{%- endmacro %}
