{# FACEIT's level (1 to 10) of an elo in cs2, by the least elo of each level; null below level 1. #}
{% macro faceit_level(elo) -%}
    case
        {%- for least in [2001, 1751, 1531, 1351, 1201, 1051, 901, 751, 501, 100] %}
        when {{ elo }} >= {{ least }} then {{ 11 - loop.index }}
        {%- endfor %}
    end
{%- endmacro %}
