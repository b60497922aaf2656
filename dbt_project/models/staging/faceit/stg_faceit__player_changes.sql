{#- A profile, a ranking and a name in a match tell of a player in each of the games. #}
{%- set tables = ['players', 'player_games', 'rankings', 'history_players', 'match_rosters', 'match_round_players'] %}
with changes as (

    {%- for faceit_game in faceit_game_names().split() %}
    select *
    from (
        {{ staging_changes(faceit_game, 'faceit', key='player_id', tables=tables) }}
    ) as changes_{{ faceit_game }}
    {{ "union all" if not loop.last }}
    {%- endfor %}

)

select * from changes
