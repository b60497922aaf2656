{# A condition that filters rows with `game` and `mode` to the standard mode of the game. #}
{% macro is_standard_mode() -%}
    (game, mode) in (select standard.game, standard.mode from {{ ref('modes') }} as standard where standard.is_standard)
{%- endmacro %}
