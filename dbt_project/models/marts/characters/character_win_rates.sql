{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'character_id', 'patch_id', 'rank_bracket', 'played_date'],
        meta={
            'facts': ['fct_player_matches', 'fct_drafts'],
            'change_key': ['game', 'character_id', 'patch_id', 'rank_bracket', 'played_date'],
            'key_expressions': {
                'fct_player_matches': [
                    'game', 'character_id', "coalesce(patch_id, 'unknown')", 'rank_bracket', 'played_date'
                ],
                'fct_drafts': ['game', "coalesce(character_id, 'none')", 'patch_id', 'rank_bracket', 'played_date'],
            },
            'extra_keys': 'characters_of_changed_days',
        },
        indexes=[{'columns': ['game', 'character_id', 'played_date']}, {'columns': ['game', 'played_date']}]
    )
}}
{{- depends_on_in_hooks('fct_player_matches', 'fct_drafts') }}
{%- set key = ['game', 'character_id', 'patch_id', 'rank_bracket', 'played_date'] %}

with counted as (

    select
        game,
        character_id,
        patch_id,
        rank_bracket,
        played_date,
        picks,
        wins,
        0 as bans
    from {{ ref('int_character_day_totals') }}
    where {{ only_changed(key) }}
    union all
    select
        game,
        character_id,
        patch_id,
        rank_bracket,
        played_date,
        0 as picks,
        0 as wins,
        bans
    from {{ ref('int_draft_day_totals') }}
    where {{ only_changed(key) }}

),

summed as (

    select
        game,
        character_id,
        patch_id,
        rank_bracket,
        played_date,
        cast(sum(picks) as integer) as picks,
        cast(sum(wins) as integer) as wins,
        cast(sum(bans) as integer) as bans
    from counted
    group by game, character_id, patch_id, rank_bracket, played_date

),

combined as (

    select * from summed
    -- A draft entry may have no character.
    where character_id <> 'none' and (picks > 0 or bans > 0)

),

rated as (

    select
        combined.game,
        combined.character_id,
        combined.patch_id,
        combined.rank_bracket,
        combined.played_date,
        combined.picks as matches,
        combined.wins,
        combined.picks,
        {{ share('combined.picks', 'match_days.matches') }} as pick_share,
        {{ share('combined.wins', 'combined.picks') }} as win_rate,
        {{ wilson_low('combined.wins', 'combined.picks') }} as win_rate_low,
        {{ wilson_high('combined.wins', 'combined.picks') }} as win_rate_high,
        -- Zero bans if drafts are known, null otherwise.
        case
            when exists (
                    select 1 from {{ ref('int_draft_day_totals') }} as drafts
                    where drafts.game = combined.game
                        and drafts.patch_id = combined.patch_id
                        and drafts.rank_bracket = combined.rank_bracket
                        and drafts.played_date = combined.played_date
                ) then combined.bans
        end as bans
    from combined
    inner join {{ ref('int_match_day_totals') }} as match_days
        on combined.game = match_days.game
            and combined.patch_id = match_days.patch_id
            and combined.rank_bracket = match_days.rank_bracket
            and combined.played_date = match_days.played_date

)

select * from rated
{{ cluster_by('played_date', 'game', 'patch_id', 'rank_bracket', 'character_id') }}
