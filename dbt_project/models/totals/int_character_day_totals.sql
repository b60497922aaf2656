{{
    config(
        unique_key=['game', 'character_id', 'patch_id', 'rank_bracket', 'played_date'],
        meta={'facts': ['fct_player_matches'], 'count_column': 'picks'},
        indexes=[{'columns': ['played_date', 'game', 'patch_id', 'rank_bracket']}]
    )
}}

with picked as (

    select
        *,
        coalesce(patch_id, 'unknown') as known_patch_id
    from {{ signed(ref('fct_player_matches')) }}
    where is_significant and character_id is not null and played_date is not null

),

summed as (

    select
        game,
        character_id,
        known_patch_id as patch_id,
        rank_bracket,
        played_date,
        cast({{ signed_count() }} as integer) as picks,
        cast({{ signed_sum('case when is_win then 1 else 0 end') }} as integer) as wins
    from picked
    group by game, character_id, known_patch_id, rank_bracket, played_date

)

select * from summed
{{ cluster_by('played_date', 'game', 'patch_id', 'rank_bracket', 'character_id') }}
