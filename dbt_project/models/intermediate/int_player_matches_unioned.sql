{#- One branch a game; `fct_player_matches` names the same branches for its incremental builds. -#}
with unioned as (

    select * from {{ ref('int_dota2_player_matches') }}

)

select * from unioned
