{#
    CTE `map_ids`: the id of each map, one per map regardless of spelling. Spellings in the seeds map to the seed's id.
    Others (a workshop id, an opaque id) are looked up among the entities of the match's own vote, which have a class
    (`de_pango`) or a name. An id without a name stays as it is.

    Only the match itself and the seeds are used: the vote of another match would change rows of a match that did not
    change.
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
        coalesce(
            reported_maps.map_id, aliases.map_id, voted_maps.reported_map_id, reported_maps.reported_map_id
        ) as map_id
    from reported_maps
    left join voted_maps
        on reported_maps.series_id = voted_maps.series_id
            and reported_maps.map_number = voted_maps.map_number
    left join {{ ref('int_map_aliases') }} as aliases on {{ map_alias('voted_maps.reported_map_id') }} = aliases.alias

)
{%- endmacro %}


{# The spelling of a map in `int_map_aliases`: without blanks. #}
{% macro map_alias(map_name) -%}
    replace({{ map_name }}, ' ', '')
{%- endmacro %}
