{# Games whose matches FACEIT tells of, under its own names, which are those of the marts: words, to be split. #}
{% macro faceit_game_names() -%}
    cs2 csgo
{%- endmacro %}


{# The same as a list in SQL. #}
{% macro faceit_games() -%}
    ('{{ faceit_game_names().split() | join("', '") }}')
{%- endmacro %}
