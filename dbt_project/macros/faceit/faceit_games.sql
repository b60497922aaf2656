{# Games whose matches FACEIT tells of, under its own names, which are those of the marts: words, to be split. #}
{% macro faceit_game_names() -%}
    {{ games_where('source_name', 'faceit') }}
{%- endmacro %}


{# The same as a list in SQL. #}
{% macro faceit_games() -%}
    {{ literals(faceit_game_names()) }}
{%- endmacro %}


{# The id of a known player; null for the placeholders that FACEIT sends in place of one. #}
{% macro valid_faceit_player_id(player_id) -%}
    case when {{ player_id }} not in ('', '0', '00000000-0000-0000-0000-000000000000') then {{ player_id }} end
{%- endmacro %}
