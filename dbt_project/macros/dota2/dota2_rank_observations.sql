{#
    Ranks of Dota 2 players on profiles and in rating histories; null if the source showed no medal. Two observations
    may have the same time.

    changes: relation of changed players (game, player_id) to which the staging views are filtered; none for all.
#}
{% macro dota2_rank_observations(changes=none) %}
{%- set only_changed -%}
    {% if changes %}
    where account_id in (select cast(player_id as bigint) from {{ changes }} where game = {{ game('dota2') }})
    {% endif %}
{%- endset -%}
with profiles as (

    select * from {{ ref('stg_opendota__player_ranks') }}
    {{ only_changed }}

),

ratings as (

    select * from {{ ref('stg_opendota__player_ratings') }}
    {{ only_changed }}

),

dota2_observations as (

    select
        account_id,
        {{ ladder('dota2_rank_tier') }} as ladder,
        observed_at,
        rank_tier as rank_value,
        leaderboard_rank
    from profiles
    union all
    select
        account_id,
        {{ ladder('dota2_rank_tier') }} as ladder,
        observed_at,
        rank_tier as rank_value,
        null as leaderboard_rank
    from ratings
    -- Rating histories from before medals have MMR only.
    where rank_tier is not null or (solo_mmr is null and party_mmr is null)
    union all
    select
        account_id,
        {{ ladder('dota2_solo_mmr') }} as ladder,
        observed_at,
        solo_mmr as rank_value,
        null as leaderboard_rank
    from profiles
    union all
    select
        account_id,
        {{ ladder('dota2_solo_mmr') }} as ladder,
        observed_at,
        solo_mmr as rank_value,
        null as leaderboard_rank
    from ratings
    union all
    select
        account_id,
        {{ ladder('dota2_party_mmr') }} as ladder,
        observed_at,
        party_mmr as rank_value,
        null as leaderboard_rank
    from profiles
    union all
    select
        account_id,
        {{ ladder('dota2_party_mmr') }} as ladder,
        observed_at,
        party_mmr as rank_value,
        null as leaderboard_rank
    from ratings

),

unioned as (

    select
        {{ game('dota2') }} as game,
        cast(account_id as text) as player_id,
        ladder,
        observed_at,
        case when rank_value > 0 then rank_value end as rank_value,
        leaderboard_rank,
        cast(null as text) as leaderboard_region,
        cast(null as integer) as skill_level
    from dota2_observations
    -- A profile without a medal is an observation too. MMR is no longer shown, so a missing MMR is none.
    where (rank_value > 0 or ladder = {{ ladder('dota2_rank_tier') }}) and observed_at is not null

)

select * from unioned
{% endmacro %}
