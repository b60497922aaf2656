{# Reference data that every row of `fct_player_matches` and `fct_drafts` depends on (meta `reference`). #}
{% macro player_match_reference() %}
    {{ return([ref('int_dota2_patches'), ref('int_dota2_game_modes'), ref('int_dota2_lobby_types')]) }}
{% endmacro %}
