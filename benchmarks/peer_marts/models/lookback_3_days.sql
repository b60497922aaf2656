{#
    Recomputes and replaces the last three days in the table and newer ones: the approach of most projects. Its grain
    includes the day, since a lifetime total cannot be maintained with a lookback window.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['game', 'player_id', 'character_id', 'played_date'],
        indexes=[
            {'columns': ['game', 'player_id', 'character_id', 'played_date'], 'unique': true},
            {'columns': ['played_date']},
        ]
    )
}}

select
    game,
    player_id,
    character_id,
    played_date,
    count(*) as matches,
    sum(case when is_win then 1 else 0 end) as wins,
    sum(case when is_win then 0 else 1 end) as losses,
    coalesce(sum(kills), 0) as kills,
    coalesce(sum(deaths), 0) as deaths,
    coalesce(sum(assists), 0) as assists,
    max(played_at) as last_played_at
from marts_{{ target.name }}.fct_player_matches
where is_significant and player_id is not null
{%- if is_incremental() %}
    and played_date >= (select max(played_date) - 3 from {{ this }})
{%- endif %}
group by game, player_id, character_id, played_date
