{#
    Reference data (game modes, patches, ...) is small and touches every row of a fact, whatever batch it came in. A
    fact keeps a fingerprint of it as it was when it was computed; another fingerprint recomputes all of it. The macro
    that a model names as its `reference` returns the relations whose rows count. Seeds are not among them: they are
    part of the project, and another state of the project is built in full.
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
