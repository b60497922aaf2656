{{
    config(
        unique_key=['game', 'character_id', 'patch_id', 'rank_bracket', 'played_date'],
        meta={'facts': ['fct_drafts'], 'count_column': 'entries'},
        indexes=[{'columns': ['played_date', 'game', 'patch_id', 'rank_bracket']}]
    )
}}

with summed as (

    select
        game,
        coalesce(character_id, 'none') as character_id,
        patch_id,
        rank_bracket,
        played_date,
        cast({{ signed_count() }} as integer) as entries,
        cast({{ signed_sum('case when is_pick then 0 else 1 end') }} as integer) as bans
    from {{ signed(ref('fct_drafts')) }}
    where played_date is not null
    group by game, coalesce(character_id, 'none'), patch_id, rank_bracket, played_date

)

select * from summed
{{ cluster_by('played_date', 'game', 'patch_id', 'rank_bracket', 'character_id') }}
