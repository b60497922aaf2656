{# A full rebuild in every run. #}
{{ config(materialized='table') }}

select
    game,
    player_id,
    character_id,
    count(*) as matches,
    sum(case when is_win then 1 else 0 end) as wins,
    sum(case when is_win then 0 else 1 end) as losses,
    coalesce(sum(kills), 0) as kills,
    coalesce(sum(deaths), 0) as deaths,
    coalesce(sum(assists), 0) as assists,
    max(played_at) as last_played_at
from marts_{{ target.name }}.fct_player_matches
where is_significant and player_id is not null
group by game, player_id, character_id
