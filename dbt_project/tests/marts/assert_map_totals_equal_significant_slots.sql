-- Each significant slot on a known map counts once in `player_map_win_rates`.
with maps as (

    select
        game,
        map_id,
        sum(matches) as matches,
        sum(wins) as wins
    from {{ ref('player_map_win_rates') }}
    group by game, map_id

),

slots as (

    select
        game,
        map_id,
        count(*) as slots,
        sum(case when is_win then 1 else 0 end) as wins
    from {{ ref('fct_player_matches') }}
    where is_significant and map_id is not null and player_id is not null
    group by game, map_id

)

select
    slots.game,
    slots.map_id,
    slots.slots,
    maps.matches
from slots
full outer join maps
    on slots.game = maps.game
        and slots.map_id = maps.map_id
where coalesce(slots.slots, 0) <> coalesce(maps.matches, 0)
    or coalesce(slots.wins, 0) <> coalesce(maps.wins, 0)
