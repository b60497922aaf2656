{{
    config(
        unique_key=['game', 'player_id', 'character_id'],
        meta={'facts': ['fct_player_matches'], 'count_column': 'matches', 'max_columns': ['last_played_at']},
        post_hook="{{ recompute_max('last_played_at', newest_match(['player_id', 'character_id'])) }}"
    )
}}

with matches as (

    select * from {{ signed(ref('fct_player_matches')) }}
    where is_significant and player_id is not null and character_id is not null

),

summed as (

    select
        game,
        player_id,
        character_id,
        cast({{ signed_count() }} as integer) as matches,
        cast({{ signed_sum('case when is_win then 1 else 0 end') }} as integer) as wins,
        cast({{ signed_sum('case when is_draw then 1 else 0 end') }} as integer) as draws,
        cast({{ signed_sum('kills') }} as bigint) as kills,
        cast({{ signed_sum('deaths') }} as bigint) as deaths,
        cast({{ signed_sum('assists') }} as bigint) as assists,
        cast({{ signed_sum('case when kills is null then 0 else 1 end') }} as integer) as kills_known,
        cast({{ signed_sum('case when deaths is null then 0 else 1 end') }} as integer) as deaths_known,
        cast({{ signed_sum('case when assists is null then 0 else 1 end') }} as integer) as assists_known,
        {{ max_added('played_at') }} as last_played_at_added,
        {{ max_removed('played_at') }} as last_played_at_removed
    from matches
    group by game, player_id, character_id

),

resolved as (

    select
        game,
        player_id,
        character_id,
        matches,
        wins,
        draws,
        kills,
        deaths,
        assists,
        kills_known,
        deaths_known,
        assists_known,
        {{ resolve_max('last_played_at') }} as last_played_at
    from summed

)

select * from resolved
{{ cluster_by('game', 'player_id', 'character_id') }}
