{{
    config(
        unique_key=['game', 'player_id', 'mode', 'played_date'],
        meta={'facts': ['fct_player_matches'], 'count_column': 'matches', 'max_columns': ['last_played_at']},
        indexes=[{'columns': ['played_date', 'game', 'player_id']}],
        post_hook="{{ recompute_max('last_played_at', newest_match(['player_id', 'mode', 'played_date'])) }}"
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
        {{ max_added('played_at') }} as last_played_at_added,
        {{ max_removed('played_at') }} as last_played_at_removed
    from matches
    group by game, player_id, mode, played_date

),

resolved as (

    select
        game,
        player_id,
        mode,
        played_date,
        matches,
        wins,
        draws,
        {{ resolve_max('last_played_at') }} as last_played_at
    from summed

)

select * from resolved
{{ cluster_by('played_date', 'game', 'player_id', 'mode') }}
