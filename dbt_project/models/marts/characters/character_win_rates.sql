{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'character_id', 'patch_id', 'rank_bracket', 'played_date'],
        meta={
            'facts': ['fct_player_matches', 'fct_drafts'],
            'change_key': ['game', 'patch_id', 'rank_bracket', 'played_date'],
            'key_in': {'fct_player_matches': ['game', "coalesce(patch_id, 'unknown')", 'rank_bracket', 'played_date']},
        },
        indexes=[{'columns': ['game', 'played_date']}]
    )
}}
{{- hooks_read('fct_player_matches', 'fct_drafts') }}
{%- set group = ['game', 'patch_id', 'rank_bracket', 'played_date'] %}

with picks as (

    select * from {{ ref('int_character_day_totals') }}
    where {{ only_changed(group) }}

),

days as (

    select * from {{ ref('int_match_day_totals') }}
    where {{ only_changed(group) }}

),

drafted as (

    select * from {{ ref('int_draft_day_totals') }}
    where {{ only_changed(group) }}

),

drafted_days as (

    select distinct
        game,
        patch_id,
        rank_bracket,
        played_date
    from drafted

),

bans as (

    select * from drafted
    where bans > 0 and character_id <> 'none'

),

combined as (

    select
        coalesce(picks.game, bans.game) as game,
        coalesce(picks.character_id, bans.character_id) as character_id,
        coalesce(picks.patch_id, bans.patch_id) as patch_id,
        coalesce(picks.rank_bracket, bans.rank_bracket) as rank_bracket,
        coalesce(picks.played_date, bans.played_date) as played_date,
        coalesce(picks.picks, 0) as picks,
        coalesce(picks.wins, 0) as wins,
        bans.bans
    from picks
    full outer join bans
        on picks.game = bans.game
            and picks.character_id = bans.character_id
            and picks.patch_id = bans.patch_id
            and picks.rank_bracket = bans.rank_bracket
            and picks.played_date = bans.played_date

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
        {{ share('combined.picks', 'days.matches') }} as pick_share,
        {{ share('combined.wins', 'combined.picks') }} as win_rate,
        {{ wilson_low('combined.wins', 'combined.picks') }} as win_rate_low,
        {{ wilson_high('combined.wins', 'combined.picks') }} as win_rate_high,
        -- Where drafts are known, a character that nobody banned has no ban.
        case when drafted_days.game is not null then coalesce(combined.bans, 0) end as bans
    from combined
    inner join days
        on combined.game = days.game
            and combined.patch_id = days.patch_id
            and combined.rank_bracket = days.rank_bracket
            and combined.played_date = days.played_date
    left join drafted_days
        on combined.game = drafted_days.game
            and combined.patch_id = drafted_days.patch_id
            and combined.rank_bracket = drafted_days.rank_bracket
            and combined.played_date = drafted_days.played_date

)

select * from rated
