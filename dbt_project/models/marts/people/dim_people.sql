{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['person_id'],
        meta={
            'facts': ['bridge_player_identities', 'dim_players'],
            'key_expressions': {'dim_players': none},
            'change_key': ['person_id'],
            'extra_keys': 'people_of_changed_players',
            'has_feed': true,
        }
    )
}}

with identities as (

    select
        identities.*,
        players.display_name,
        players.country_code,
        players.steam_id64,
        coalesce(players.is_tracked, false) as is_tracked,
        {{ name_priority('identities.game') }} as name_priority
    from {{ ref('bridge_player_identities') }} as identities
    left join {{ ref('dim_players') }} as players
        on identities.game = players.game
            and identities.player_id = players.player_id
    where {{ only_changed(['identities.person_id'], key=['person_id']) }}

),

-- A person has the name and the country of the first player with one.
ranked as (

    select
        *,
        row_number() over (
            partition by person_id
            order by case when display_name is null then 1 else 0 end, name_priority, player_id
        ) as name_rank,
        row_number() over (
            partition by person_id
            order by case when country_code is null then 1 else 0 end, name_priority, player_id
        ) as country_rank
    from identities

),

described as (

    select
        person_id,
        case when person_id like 'steam:%' then substring(person_id from 7) end as steam_account_id,
        max(case when name_rank = 1 then display_name end) as display_name,
        max(case when country_rank = 1 then country_code end) as country_code,
        max(steam_id64) as steam_id64,
        cast(count(distinct game) as integer) as games,
        cast(count(*) as integer) as players,
        max(case when is_tracked then 1 else 0 end) = 1 as is_tracked,
        max(case when is_conflicting then 1 else 0 end) = 1 as is_conflicting
    from ranked
    group by person_id

)

select
    person_id,
    steam_account_id,
    steam_id64,
    display_name,
    country_code,
    games,
    players,
    is_tracked,
    is_conflicting
from described
