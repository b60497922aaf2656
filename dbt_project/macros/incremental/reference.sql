{#
    Reference data (game modes, patches, ...) is small and affects every row of a fact. A model stores a fingerprint of
    its reference data; another fingerprint recomputes the whole model. The macro in meta `reference` returns the
    relations. Seeds need no fingerprint: they are part of the project, and a changed project is built with a full
    refresh.
#}

{# Whether the reference data has changed since the last build of the model. #}
{% macro reference_changed() -%}
    {%- set found = run_query(
        "select count(*) from " ~ source('ops', 'model_references') ~ " where colour = '" ~ colour() ~ "' and model = '"
        ~ model.name ~ "' and fingerprint = " ~ fingerprint()
    ) -%}
    {{ return(found.rows[0][0] == 0) }}
{% endmacro %}


{# Store the fingerprint of the reference data. #}
{% macro record_reference() %}
    insert into {{ source('ops', 'model_references') }} as existing (colour, model, fingerprint)
    select '{{ colour() }}', '{{ model.name }}', {{ fingerprint() }}
    on conflict (colour, model) do update set fingerprint = excluded.fingerprint
    where existing.fingerprint <> excluded.fingerprint;
{% endmacro %}

{% macro fingerprint() -%}
    {%- for relation in context[config.get('meta')['reference']]() -%}
    {{ content_digest(relation) }}{{ " || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
