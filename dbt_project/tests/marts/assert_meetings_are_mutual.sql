-- If a player met another, the other met the player in as many matches.
with meetings as (

    select
        'against' as kind,
        game,
        player_id,
        other_player_id,
        matches
    from {{ ref('head_to_head') }}
    union all
    select
        'with' as kind,
        game,
        player_id,
        other_player_id,
        matches
    from {{ ref('teammates') }}

)

select
    here.kind,
    here.game,
    here.player_id,
    here.other_player_id,
    here.matches,
    there.matches as matches_there
from meetings as here
left join meetings as there
    on here.kind = there.kind
        and here.game = there.game
        and here.player_id = there.other_player_id
        and here.other_player_id = there.player_id
where there.matches is null or here.matches <> there.matches
