{# A condition that narrows rows with `game` and `mode` to the game's standard mode. #}
{% macro is_standard_mode() -%}
    (game, mode) in (select standard.game, standard.mode from {{ ref('modes') }} as standard where standard.is_standard)
{%- endmacro %}
