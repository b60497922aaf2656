{# Games whose matches come from FACEIT, by the names that FACEIT and the marts share, as words. #}
{% macro faceit_game_names() -%}
    {{ games_where('source_name', 'faceit') }}
{%- endmacro %}


{# The same as a list of SQL literals. #}
{% macro faceit_games() -%}
    {{ literals(faceit_game_names()) }}
{%- endmacro %}


{# The id of a player; null for the placeholders that FACEIT sends instead of an id. #}
{% macro valid_faceit_player_id(player_id) -%}
    case when {{ player_id }} not in ('', '0', '00000000-0000-0000-0000-000000000000') then {{ player_id }} end
{%- endmacro %}
