{#- A change of a FACEIT match does not name the game, so it counts for each of FACEIT's games. #}
with changes as (

    select * from {{ ref('stg_opendota__team_match_changes') }}
    {%- for faceit_game in faceit_game_names().split() %}
    union all
    select
        '{{ faceit_game }}' as game,
        series_id as match_id,
        staging_table,
        batch_id
    from {{ ref('stg_faceit__match_changes') }}
    {%- endfor %}

)

select * from changes
