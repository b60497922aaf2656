-- Each significant slot with a day is one pick in `character_win_rates`, with the same result.
with picks as (

    select
        game,
        character_id,
        sum(picks) as picks,
        sum(wins) as wins
    from {{ ref('character_win_rates') }}
    group by game, character_id

),

slots as (

    select
        game,
        character_id,
        count(*) as slots,
        sum(case when is_win then 1 else 0 end) as wins
    from {{ ref('fct_player_matches') }}
    where is_significant and character_id is not null and played_date is not null
    group by game, character_id

)

select
    slots.game,
    slots.character_id,
    slots.slots,
    picks.picks
from slots
full outer join picks
    on slots.game = picks.game
        and slots.character_id = picks.character_id
where coalesce(slots.slots, 0) <> coalesce(picks.picks, 0)
    or coalesce(slots.wins, 0) <> coalesce(picks.wins, 0)
