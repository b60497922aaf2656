{#
    Recomputes and replaces the keys touched since the last run.

    It reads the touched keys from the feed of our fact. That is an advantage: a plain project has no such feed, would
    have to search for the keys first, and could not find the former keys of corrected and deleted rows.
#}
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['game', 'player_id', 'character_id'],
        indexes=[{'columns': ['game', 'player_id', 'character_id'], 'unique': true}]
    )
}}

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
{%- if is_incremental() %}
    and (game, player_id, character_id) in (
        select game, player_id, character_id from prep.fct_player_matches__feed_{{ target.name }}
    )
{%- endif %}
group by game, player_id, character_id
