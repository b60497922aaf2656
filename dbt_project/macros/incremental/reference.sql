{#
    Reference data (game modes, patches, ...) is small and touches every row of a fact, whatever batch it came in. So a fact keeps a
    fingerprint of the reference data it was computed with, seeds included; another fingerprint recomputes all of it.
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
    {% for relation in reference %}{{ content_digest(relation) }}{{ " || " if not loop.last }}{% endfor %}
{%- endmacro %}


{# What `fct_player_matches` looks up. #}
{% macro player_match_reference() %}
    {{ return([
        ref('int_dota2_patches'), ref('int_dota2_game_modes'), ref('int_dota2_lobby_types'), ref('dota2_medals')
    ]) }}
{% endmacro %}
