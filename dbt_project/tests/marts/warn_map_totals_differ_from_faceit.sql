{{ config(severity='warn') }}
-- FACEIT's own totals are read at another moment than the matches, and count what it lists no more.
with ours as (

    select * from {{ ref('player_map_win_rates') }}

),

theirs as (

    select
        game,
        player_id,
        map_id,
        sum(matches) as matches,
        sum(wins) as wins
    from {{ ref('stg_faceit__player_segments') }}
    where matches is not null
    group by game, player_id, map_id

)

select
    theirs.game,
    theirs.player_id,
    theirs.map_id,
    theirs.matches as their_matches,
    ours.matches as our_matches,
    theirs.wins as their_wins,
    ours.wins as our_wins
from theirs
left join ours
    on theirs.game = ours.game
        and theirs.player_id = ours.player_id
        and theirs.map_id = ours.map_id
where theirs.matches <> coalesce(ours.matches, 0)
    or theirs.wins <> coalesce(ours.wins, 0)
