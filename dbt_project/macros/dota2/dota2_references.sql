{# What `fct_player_matches` and `fct_drafts` hang on beside the rows of matches. #}
{% macro player_match_reference() %}
    {{ return([ref('int_dota2_patches'), ref('int_dota2_game_modes'), ref('int_dota2_lobby_types')]) }}
{% endmacro %}
