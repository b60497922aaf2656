{{
    config(
        unique_key=['game', 'player_id', 'mode', 'played_date'],
        meta={'facts': ['fct_player_matches'], 'counts': 'matches', 'latest': ['last_played_at']},
        indexes=[{'columns': ['played_date', 'game', 'player_id']}],
        post_hook="{{ refill_latest('last_played_at', newest_match(['player_id', 'mode', 'played_date'])) }}"
    )
}}

with matches as (

    select * from {{ signed(ref('fct_player_matches')) }}
    where is_counted and player_id is not null and played_date is not null

),

summed as (

    select
        game,
        player_id,
        mode,
        played_date,
        cast({{ signed_count() }} as integer) as matches,
        cast({{ signed_sum('case when is_win then 1 else 0 end') }} as integer) as wins,
        cast({{ signed_sum('case when is_draw then 1 else 0 end') }} as integer) as draws,
        {{ latest_put('played_at') }} as last_played_at_put,
        {{ latest_gone('played_at') }} as last_played_at_gone
    from matches
    group by game, player_id, mode, played_date

),

settled as (

    select
        game,
        player_id,
        mode,
        played_date,
        matches,
        wins,
        draws,
        {{ settle_latest('last_played_at') }} as last_played_at
    from summed

)

select * from settled
{{ stored_by('played_date', 'game', 'player_id', 'mode') }}
