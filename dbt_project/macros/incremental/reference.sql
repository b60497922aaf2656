{#
    Reference data (game modes, patches, ...) is small and touches every row of a fact, whatever batch it came in; so
    does the SQL that makes the rows. A fact keeps a fingerprint of both as they were when it was computed, seeds and
    macros included; another fingerprint recomputes all of it. `reference` is {'contents': relations whose rows count,
    'definitions': views whose SQL counts}.
#}

{% macro reference_fingerprints() -%}
    {{ target.schema }}.reference_fingerprints
{%- endmacro %}


{# Whether the reference data differs from what the model was computed with. #}
{% macro reference_changed(reference) %}
    {%- if execute and adapter.get_relation(target.database, target.schema, 'reference_fingerprints') -%}
        {%- set found = run_query(
            "select count(*) from " ~ reference_fingerprints() ~ " where colour = '" ~ colour() ~ "' and model = '"
            ~ model.name ~ "' and fingerprint = " ~ fingerprint(reference)
        ) -%}
        {{ return(found.rows[0][0] == 0) }}
    {%- endif -%}
    {{ return(true) }}
{% endmacro %}


{# Note the reference data that the model was computed with. #}
{% macro record_reference(reference) %}
    create table if not exists {{ reference_fingerprints() }} (
        colour text not null,
        model text not null,
        fingerprint text not null,
        primary key (colour, model)
    );
    insert into {{ reference_fingerprints() }} (colour, model, fingerprint)
    select '{{ colour() }}', '{{ model.name }}', {{ fingerprint(reference) }}
    on conflict (colour, model) do update set fingerprint = excluded.fingerprint
    where reference_fingerprints.fingerprint <> excluded.fingerprint
{% endmacro %}

{% macro fingerprint(reference) -%}
    {% for relation in reference['contents'] %}{{ content_digest(relation) }} || {% endfor %}
    {% for view in reference['definitions'] %}{{ definition_digest(view) }}{{ " || " if not loop.last }}{% endfor %}
{%- endmacro %}


{# What `fct_player_matches` hangs on beside the rows of matches. #}
{% macro player_match_reference() %}
    {{ return({
        'contents': [
            ref('int_dota2_patches'), ref('int_dota2_game_modes'), ref('int_dota2_lobby_types'), ref('dota2_medals')
        ],
        'definitions': [
            ref('stg_opendota__player_matches'), ref('stg_opendota__match_players'), ref('stg_opendota__matches'),
            ref('int_dota2_player_matches'), ref('int_player_matches_unioned')
        ],
    }) }}
{% endmacro %}
