{#- A changed profile, ranking or name in a match may affect the player in each of FACEIT's games. #}
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
