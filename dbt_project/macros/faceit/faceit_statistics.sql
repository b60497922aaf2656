{# Statistics of a player on a map that both the player's own list and the match's statistics have, as words. #}
{% macro faceit_listed_statistics() -%}
    kills deaths assists mvps headshots damage adr double_kills triple_kills quadro_kills penta_kills
{%- endmacro %}


{# Statistics that only the match's statistics have, all or none of them, as words. #}
{% macro faceit_match_statistics() -%}
    first_kills entry_count entry_wins clutch_kills clutch_1v1_count clutch_1v1_wins clutch_1v2_count clutch_1v2_wins
    sniper_kills pistol_kills knife_kills zeus_kills utility_count utility_successes utility_enemies utility_damage
    flash_count flash_successes enemies_flashed
{%- endmacro %}


{#
    Whether a row of statistics belongs to a player who left or never joined: all values are zero, deaths included, on a
    map with ten rounds or more or an unknown number of rounds. In so many rounds even an idle player dies.

    columns: all statistics of the relation.
#}
{% macro faceit_is_row_of_zeros(relation, columns) -%}
    (
        {{ relation }}.kills = 0
        and {{ relation }}.deaths = 0
        {%- for column in columns if column not in ('kills', 'deaths') %}
        and coalesce({{ relation }}.{{ column }}, 0) = 0
        {%- endfor %}
        and coalesce(maps.rounds >= 10, true)
    )
{%- endmacro %}


{# CTE `player_statistics`: statistics of players by map, with or without a slot. #}
{% macro faceit_statistics() %}
{%- set listed_columns = faceit_listed_statistics().split() -%}
{%- set match_columns = listed_columns + faceit_match_statistics().split() -%}
{%- for relation, columns in [('listed', listed_columns), ('map_players', match_columns)] %}
{{ relation }}_statistics as (

    select {{ relation }}.*
    from {{ relation }}
    left join maps
        on {{ relation }}.match_id = maps.series_id
            and {{ relation }}.match_round = maps.map_number
    -- The condition is null if kills or deaths are unknown.
    where not coalesce({{ faceit_is_row_of_zeros(relation, columns) }}, false)

),
{% endfor %}
-- The player's own list wins, because it is read repeatedly; the match's statistics are read once and have more
-- columns.
player_statistics as (

    select
        coalesce(listed.match_id, map_players.match_id) as series_id,
        coalesce(listed.match_round, map_players.match_round) as map_number,
        coalesce(listed.player_id, map_players.player_id) as player_id,
        {%- for column in listed_columns %}
        coalesce(listed.{{ column }}, map_players.{{ column }}) as {{ column }},
        {%- endfor %}
        {%- for column in faceit_match_statistics().split() %}
        map_players.{{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from listed_statistics as listed
    full outer join map_players_statistics as map_players
        on listed.match_id = map_players.match_id
            and listed.match_round = map_players.match_round
            and listed.player_id = map_players.player_id

)
{%- endmacro %}
