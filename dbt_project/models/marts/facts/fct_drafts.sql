{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'match_id', 'draft_order'],
        meta={
            'changes': 'stg_opendota__match_changes',
            'change_key': ['game', 'match_id'],
            'reference': 'player_match_reference',
            'has_feed': true,
        }
    )
}}
{{- hooks_read('stg_opendota__match_changes', macros=['player_match_reference']) }}

with drafts as (

    select
        'dota2' as game,
        cast(match_id as text) as match_id,
        picks_bans
    from {{ ref('stg_opendota__matches') }}
    where picks_bans is not null
        and {{ only_changed_in('dota2', 'match_id', 'match_id') }}

),

-- What the slots of a match say of it is the same for all of them.
matches as (

    select
        game,
        match_id,
        min(coalesce(patch_id, 'unknown')) as patch_id,
        min(rank_bracket) as rank_bracket,
        min(played_date) as played_date
    from {{ ref('fct_player_matches') }}
    where is_significant
        and (game, match_id) in (
            select
                drafts.game,
                drafts.match_id
            from drafts
        )
    group by game, match_id

),

entries as (

    select
        matches.*,
        {{ key_text(json_text('draft.value', 'hero_id')) }} as character_id,
        not coalesce({{ json_text('draft.value', 'is_pick') }} = 'false', false) as is_pick,
        {{ json_text('draft.value', 'order') }} as told_order
    from drafts
    inner join matches
        on drafts.game = matches.game
            and drafts.match_id = matches.match_id
    cross join {{ json_elements('drafts.picks_bans') }} as draft

),

numbered as (

    select
        game,
        match_id,
        cast(
            row_number() over (
                partition by game, match_id order by length(told_order), told_order, is_pick, character_id
            ) as integer
        ) as draft_order,
        character_id,
        is_pick,
        patch_id,
        rank_bracket,
        played_date
    from entries

)

select * from numbered
