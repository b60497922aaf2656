{# What `fct_player_matches` and `fct_drafts` hang on beside the rows of matches. #}
{% macro player_match_reference() %}
    {{ return([
        ref('int_dota2_patches'), ref('int_dota2_game_modes'), ref('int_dota2_lobby_types'), ref('dota2_medals'),
        ref('mode_codes')
    ]) }}
{% endmacro %}


{# What ranks hang on beside what was seen of them. #}
{% macro rank_reference() %}
    {{ return([ref('dota2_medals')]) }}
{% endmacro %}
