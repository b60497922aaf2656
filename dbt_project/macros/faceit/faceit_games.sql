{# Games whose matches FACEIT tells of, under its own names; each is a game of the marts. #}
{% macro faceit_games() -%}
    {{ return(['cs2', 'csgo']) }}
{%- endmacro %}
