{{ config(indexes=[{'columns': ['game', 'played_date']}]) }}

with slots as (

    select
        game,
        match_id,
        character_id,
        coalesce(patch_id, 'unknown') as patch_id,
        rank_bracket,
        played_date,
        is_win
    from {{ ref('fct_player_matches') }}
    where is_significant

),

picks as (

    select
        game,
        character_id,
        patch_id,
        rank_bracket,
        played_date,
        count(*) as picks,
        sum(case when is_win then 1 else 0 end) as wins
    from slots
    group by game, character_id, patch_id, rank_bracket, played_date

),

-- Distinct first and counted then: a hash of matches is much cheaper than sorting them for count(distinct).
matches as (

    select distinct
        game,
        match_id,
        patch_id,
        rank_bracket,
        played_date
    from slots

),

days as (

    select
        game,
        patch_id,
        rank_bracket,
        played_date,
        count(*) as matches
    from matches
    group by game, patch_id, rank_bracket, played_date

),

drafts as (

    select
        'dota2' as game,
        cast(match_id as text) as match_id,
        picks_bans
    from {{ ref('stg_opendota__matches') }}
    where picks_bans is not null

),

drafted_matches as (

    select
        matches.game,
        matches.match_id,
        matches.patch_id,
        matches.rank_bracket,
        matches.played_date,
        drafts.picks_bans
    from drafts
    inner join matches
        on drafts.game = matches.game
            and drafts.match_id = matches.match_id

),

drafted_days as (

    select distinct
        game,
        patch_id,
        rank_bracket,
        played_date
    from drafted_matches

),

drafted_characters as (

    select
        drafted_matches.game,
        {{ json_text('draft.value', 'hero_id') }} as character_id,
        drafted_matches.patch_id,
        drafted_matches.rank_bracket,
        drafted_matches.played_date,
        {{ json_text('draft.value', 'is_pick') }} as is_pick
    from drafted_matches
    cross join {{ json_elements('drafted_matches.picks_bans') }} as draft

),

bans as (

    select
        game,
        character_id,
        patch_id,
        rank_bracket,
        played_date,
        count(*) as bans
    from drafted_characters
    where is_pick = 'false' and character_id is not null
    group by game, character_id, patch_id, rank_bracket, played_date

),

combined as (

    select
        coalesce(picks.game, bans.game) as game,
        coalesce(picks.character_id, bans.character_id) as character_id,
        coalesce(picks.patch_id, bans.patch_id) as patch_id,
        coalesce(picks.rank_bracket, bans.rank_bracket) as rank_bracket,
        coalesce(picks.played_date, bans.played_date) as played_date,
        cast(coalesce(picks.picks, 0) as integer) as picks,
        cast(coalesce(picks.wins, 0) as integer) as wins,
        cast(bans.bans as integer) as bans
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
