{# Games whose matches FACEIT tells of, under its own names, which are those of the marts, as a list in SQL. #}
{% macro faceit_games() -%}
    ('cs2', 'csgo')
{%- endmacro %}
