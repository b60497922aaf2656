{#- A profile and a ranking tell of a player in each of the games. #}
with changes as (

    {%- for game in faceit_game_names().split() %}
    select *
    from (
        {{ staging_changes(game, 'faceit', key='player_id', tables=['players', 'player_games', 'rankings']) }}
    ) as changes_{{ game }}
    {{ "union all" if not loop.last }}
    {%- endfor %}

)

select * from changes
