{#
    A view of changes of staging tables: one row per change with its key, tombstones and replaced images included,
    because models must also remove what was computed from old rows.

    game_name: the game of the source's rows, or the name of the source if the rows belong to several games.
    source_name: the source.
    key: name of the key column in models.
    tables: the staging tables.
    column: name of the key column in the staging tables, if it differs.
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
