{#- Tombstones and old images count: whatever a match lost has to be taken back from what was computed of it. -#}
{%- set tables = ['player_matches', 'matches', 'match_players'] -%}

with changes as (

    {% for table in tables %}
    select
        match_id,
        'staging_opendota.{{ table }}' as staging_table,
        _batch_id as batch_id
    from {{ source('opendota', table) }}
    union all
    select
        match_id,
        'staging_opendota.{{ table }}' as staging_table,
        _feed_batch_id as batch_id
    from {{ source('opendota', table ~ '__feed') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from changes
