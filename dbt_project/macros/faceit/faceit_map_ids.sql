{#
    CTE of the ids of maps (`map_ids`): a map has one id, by its name, whatever way it was spelt. A name that the seeds
    know is that map's; what they do not know (a workshop id, an opaque id) is looked up among those that the match's
    own vote was about, which have a class (`de_pango`) or else a name. An id without a name stays as it is.

    Only what is known of the match itself and the seeds decide: a vote of another match would make rows change whose
    own match did not.
#}
{% macro faceit_map_ids() %}
reported_maps as (

    select
        maps.series_id,
        maps.map_number,
        maps.reported_map_id,
        maps.map_entities,
        aliases.map_id
    from maps
    left join {{ ref('int_map_aliases') }} as aliases on {{ map_alias('maps.reported_map_id') }} = aliases.alias
    where maps.reported_map_id is not null

),

voted_maps as (

    select
        reported_maps.series_id,
        reported_maps.map_number,
        min(
            coalesce(
                {%- for key in ['class_name', 'className', 'name'] %}
                nullif({{ normalized_map(json_text('entity.value', key)) }}, reported_maps.reported_map_id)
                {{- "," if not loop.last }}
                {%- endfor %}
            )
        ) as reported_map_id
    from reported_maps
    cross join {{ json_elements('reported_maps.map_entities') }} as entity
    where reported_maps.map_id is null
        and reported_maps.reported_map_id in (
            {{ normalized_map(json_text('entity.value', 'guid')) }},
            {{ normalized_map(json_text('entity.value', 'game_map_id')) }}
        )
    group by reported_maps.series_id, reported_maps.map_number

),

map_ids as (

    select
        reported_maps.series_id,
        reported_maps.map_number,
        coalesce(reported_maps.map_id, aliases.map_id, voted_maps.reported_map_id, reported_maps.reported_map_id) as map_id
    from reported_maps
    left join voted_maps
        on reported_maps.series_id = voted_maps.series_id
            and reported_maps.map_number = voted_maps.map_number
    left join {{ ref('int_map_aliases') }} as aliases on {{ map_alias('voted_maps.reported_map_id') }} = aliases.alias

)
{%- endmacro %}


{# How `int_map_aliases` spells a map: without blanks. #}
{% macro map_alias(map_name) -%}
    replace({{ map_name }}, ' ', '')
{%- endmacro %}
