with matches as (

    select
        game,
        match_id,
        player_id,
        side,
        is_win,
        played_at
    from {{ ref('fct_player_matches') }}
    where is_significant and player_id is not null

),

-- Two players are known to have met where both of their slots are known: from details, or from the histories of both.
pairs as (

    select
        matches.game,
        matches.player_id,
        other_slots.player_id as other_player_id,
        matches.is_win,
        matches.played_at
    from matches
    inner join matches as other_slots
        on matches.game = other_slots.game
            and matches.match_id = other_slots.match_id
            and matches.side = other_slots.side
            and matches.player_id <> other_slots.player_id

),

summed as (

    select
        game,
        player_id,
        other_player_id,
        cast(count(*) as integer) as matches,
        cast(sum(case when is_win then 1 else 0 end) as integer) as wins,
        max(played_at) as last_played_at
    from pairs
    group by game, player_id, other_player_id

),

counted as (

    select
        game,
        player_id,
        other_player_id,
        matches,
        wins,
        matches - wins as losses,
        last_played_at
    from summed

)

select * from counted
