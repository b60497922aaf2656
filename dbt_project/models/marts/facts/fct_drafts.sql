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
{{- depends_on_in_hooks('stg_opendota__match_changes', macros=['player_match_reference']) }}

with drafts as (

    select
        {{ game('dota2') }} as game,
        cast(match_id as text) as match_id,
        picks_bans
    from {{ ref('stg_opendota__matches') }}
    where picks_bans is not null
        and {{ only_changed_in('dota2', 'match_id', 'match_id') }}

),

-- All slots of a match have the same values here.
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
        cast({{ json_integer('draft.value', 'hero_id') }} as text) as character_id,
        coalesce({{ json_boolean('draft.value', 'is_pick') }}, true) as is_pick,
        {{ json_integer('draft.value', 'order') }} as sent_order
    from drafts
    inner join matches
        on drafts.game = matches.game
            and drafts.match_id = matches.match_id
    cross join {{ json_elements('drafts.picks_bans') }} as draft
    where {{ json_is_object('draft.value') }}

),

-- Heroes that were played or are picks of the draft.
picked as (

    select
        game,
        match_id,
        character_id
    from entries
    where is_pick
    union
    select
        slots.game,
        slots.match_id,
        slots.character_id
    from {{ ref('fct_player_matches') }} as slots
    inner join matches
        on slots.game = matches.game
            and slots.match_id = matches.match_id

),

-- In some modes a draft lists requested bans: a picked hero was not banned, and a hero is banned once.
effective as (

    select
        entries.*,
        row_number() over (
            partition by entries.game, entries.match_id, entries.character_id, entries.is_pick
            order by entries.sent_order
        ) as row_rank,
        picked.character_id is not null as is_picked
    from entries
    left join picked
        on entries.game = picked.game
            and entries.match_id = picked.match_id
            and entries.character_id = picked.character_id

),

numbered as (

    select
        game,
        match_id,
        cast(
            row_number() over (
                partition by game, match_id order by sent_order, is_pick, character_id
            ) as integer
        ) as draft_order,
        character_id,
        is_pick,
        patch_id,
        rank_bracket,
        played_date
    from effective
    where is_pick or character_id is null or (row_rank = 1 and not is_picked)

)

select * from numbered
