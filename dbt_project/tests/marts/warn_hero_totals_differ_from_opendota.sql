{{ config(severity='warn') }}
-- OpenDota's own totals are read at another time than the histories, so that both may differ temporarily.
with ours as (

    select * from {{ ref('player_character_win_rates') }}
    where game = {{ game('dota2') }}

),

theirs as (

    select
        cast(account_id as text) as player_id,
        cast(hero_id as text) as character_id,
        matches,
        wins
    from {{ ref('stg_opendota__player_heroes') }}

)

select
    theirs.player_id,
    theirs.character_id,
    theirs.matches as their_matches,
    ours.matches as our_matches,
    theirs.wins as their_wins,
    ours.wins as our_wins
from theirs
left join ours
    on theirs.player_id = ours.player_id
        and theirs.character_id = ours.character_id
where theirs.matches <> coalesce(ours.matches, 0)
    or theirs.wins <> coalesce(ours.wins, 0)
