with profiles as (

    select * from {{ ref('stg_opendota__player_ranks') }}

),

ratings as (

    select * from {{ ref('stg_opendota__player_ratings') }}

),

dota2_observations as (

    select
        account_id,
        'dota2_rank_tier' as ladder,
        observed_at,
        rank_tier as rank_value,
        leaderboard_rank
    from profiles
    union all
    select
        account_id,
        'dota2_rank_tier' as ladder,
        observed_at,
        rank_tier as rank_value,
        null as leaderboard_rank
    from ratings
    union all
    select
        account_id,
        'dota2_solo_mmr' as ladder,
        observed_at,
        solo_mmr as rank_value,
        null as leaderboard_rank
    from profiles
    union all
    select
        account_id,
        'dota2_solo_mmr' as ladder,
        observed_at,
        solo_mmr as rank_value,
        null as leaderboard_rank
    from ratings
    union all
    select
        account_id,
        'dota2_party_mmr' as ladder,
        observed_at,
        party_mmr as rank_value,
        null as leaderboard_rank
    from profiles
    union all
    select
        account_id,
        'dota2_party_mmr' as ladder,
        observed_at,
        party_mmr as rank_value,
        null as leaderboard_rank
    from ratings

),

unioned as (

    select
        'dota2' as game,
        cast(account_id as text) as player_id,
        ladder,
        observed_at,
        rank_value,
        leaderboard_rank
    from dota2_observations
    -- An uncalibrated player has no rank, which is no observation of one.
    where rank_value > 0 and observed_at is not null

)

select * from unioned
