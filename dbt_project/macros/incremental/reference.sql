{#
    Reference data (game modes, patches, ...) is small and touches every row of a fact, whatever batch it came in; so
    does the SQL that makes the rows. A fact keeps a fingerprint of both as they were when it was computed, seeds and
    macros included; another fingerprint recomputes all of it. The macro that a model names as its `reference` returns
    {'contents': relations whose rows count, 'definitions': views whose SQL counts}.
#}

{# Whether the reference data differs from what the model was computed with. #}
{% macro reference_changed() -%}
    {%- set found = run_query(
        "select count(*) from " ~ source('ops', 'model_references') ~ " where colour = '" ~ colour() ~ "' and model = '"
        ~ model.name ~ "' and fingerprint = " ~ fingerprint()
    ) -%}
    {{ return(found.rows[0][0] == 0) }}
{% endmacro %}


{# Note the reference data that the model was computed with. #}
{% macro record_reference() %}
    insert into {{ source('ops', 'model_references') }} as standing (colour, model, fingerprint)
    select '{{ colour() }}', '{{ model.name }}', {{ fingerprint() }}
    on conflict (colour, model) do update set fingerprint = excluded.fingerprint
    where standing.fingerprint <> excluded.fingerprint;
{% endmacro %}

{% macro fingerprint() -%}
    {%- set reference = context[config.get('meta')['reference']]() -%}
    {% for relation in reference['contents'] %}{{ content_digest(relation) }} || {% endfor %}
    {% for view in reference['definitions'] %}{{ definition_digest(view) }}{{ " || " if not loop.last }}{% endfor %}
{%- endmacro %}


{# What `fct_player_matches` and `fct_drafts` hang on beside the rows of matches. #}
{% macro player_match_reference() %}
    {{ return({
        'contents': [
            ref('int_dota2_patches'), ref('int_dota2_game_modes'), ref('int_dota2_lobby_types'), ref('dota2_medals')
        ],
        'definitions': [
            ref('stg_opendota__player_matches'), ref('stg_opendota__match_players'), ref('stg_opendota__matches'),
            ref('int_dota2_player_matches')
        ],
    }) }}
{% endmacro %}


{# What `fct_rank_observations` hangs on beside the ranks that were seen. #}
{% macro rank_reference() %}
    {{ return({
        'contents': [ref('dota2_medals')],
        'definitions': [
            ref('stg_opendota__player_ranks'), ref('stg_opendota__player_ratings'), ref('stg_faceit__player_elos'),
            ref('stg_faceit__player_games'), ref('int_rank_observations_unioned')
        ],
    }) }}
{% endmacro %}


{# What `fct_team_matches` hangs on beside the rows of matches. #}
{% macro team_match_reference() %}
    {{ return({
        'contents': [],
        'definitions': [
            ref('stg_opendota__matches'), ref('stg_opendota__league_matches'), ref('stg_opendota__pro_matches'),
            ref('stg_opendota__team_matches'), ref('int_team_results_unioned')
        ],
    }) }}
{% endmacro %}


{# What `dim_players` hangs on beside what is known of players. #}
{% macro player_reference() %}
    {{ return({
        'contents': [ref('dota2_medals')],
        'definitions': [
            ref('stg_opendota__players'), ref('stg_opendota__match_players'), ref('stg_ops__tracked'),
            ref('stg_faceit__players'), ref('stg_faceit__player_games'), ref('stg_faceit__rankings')
        ],
    }) }}
{% endmacro %}


{# What `dim_teams` and `league_standings` hang on beside the rows of matches, teams and leagues. #}
{% macro team_reference() %}
    {{ return({'contents': [], 'definitions': [ref('stg_opendota__teams')]}) }}
{% endmacro %}

{% macro league_reference() %}
    {{ return({'contents': [], 'definitions': [ref('stg_opendota__leagues')]}) }}
{% endmacro %}


{# What `fct_faceit_player_maps` hangs on beside the rows of matches. #}
{% macro faceit_match_reference() %}
    {{ return({
        'contents': [],
        'definitions': [
            ref('stg_faceit__history_matches'), ref('stg_faceit__history_players'),
            ref('stg_faceit__player_match_stats'), ref('stg_faceit__matches'), ref('stg_faceit__match_factions'),
            ref('stg_faceit__match_rosters'), ref('stg_faceit__match_rounds'), ref('stg_faceit__match_round_teams'),
            ref('stg_faceit__match_round_players')
        ],
    }) }}
{% endmacro %}


{# What `fct_player_accounts` hangs on beside what is known of players. #}
{% macro account_reference() %}
    {{ return({
        'contents': [],
        'definitions': [
            ref('stg_faceit__players'), ref('stg_faceit__player_games'), ref('stg_faceit__history_players'),
            ref('stg_faceit__match_rosters')
        ],
    }) }}
{% endmacro %}
