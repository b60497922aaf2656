{#
    Changes of staging tables as a view: one row a change, by the key it is about, tombstones and replaced images
    included, since whatever a match or player lost has to be taken back from what was computed of it.

    game: the game that the source tells of.
    source_name: the source.
    key: name of the key, as models have it.
    column: its name in the staging tables, where that is another.
    tables: the staging tables.
#}
{% macro staging_changes(game_name, source_name, key, tables, column=none) -%}
{%- set scope = "'" ~ source_name ~ "'" if game_name == source_name else game(game_name) -%}
with changes as (

    {% for table in tables -%}
    select
        {{ scope }} as game,
        cast({{ column or key }} as text) as {{ key }},
        'staging_{{ source_name }}.{{ table }}' as staging_table,
        _batch_id as batch_id
    from {{ source(source_name, table) }}
    union all
    select
        {{ scope }} as game,
        cast({{ column or key }} as text) as {{ key }},
        'staging_{{ source_name }}.{{ table }}' as staging_table,
        _feed_batch_id as batch_id
    from {{ source(source_name, table ~ '__feed') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select * from changes
{%- endmacro %}
