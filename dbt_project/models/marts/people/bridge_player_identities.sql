{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id'],
        meta={
            'facts': ['dim_players', 'fct_player_accounts'],
            'key_expressions': {'dim_players': none, 'fct_player_accounts': none},
            'change_key': ['person_id'],
            'extra_keys': 'people_of_changed_identities',
            'has_feed': true,
        },
        indexes=[{'columns': ['person_id']}]
    )
}}

with accounts as (

    select * from {{ ref('fct_player_accounts') }}
    where {{ only_changed_people('steam_account_id', 'steam') }}

),

-- Dota 2 accounts named by FACEIT, one row per account.
named_accounts as (

    select
        steam_account_id,
        count(*) > 1 or max(case when is_contradicted then 1 else 0 end) = 1 as is_contradicted
    from accounts
    where game = {{ game('dota2') }}
    group by steam_account_id

),

dota2_players as (

    select player_id from {{ ref('dim_players') }}
    where game = {{ game('dota2') }}
        and {{ only_changed_people('player_id', 'steam') }}

),

dota2_identities as (

    select
        'steam:' || coalesce(players.player_id, named.steam_account_id) as person_id,
        {{ game('dota2') }} as game,
        coalesce(players.player_id, named.steam_account_id) as player_id,
        case when named.steam_account_id is null then 'opendota' else 'faceit' end as source,
        'steam_account' as identity_kind,
        case when named.steam_account_id is null then 'steam_id_64' else 'steam_account_in_game' end as matched_by,
        coalesce(named.is_contradicted, false) as is_contradicted
    from dota2_players as players
    full outer join named_accounts as named on players.player_id = named.steam_account_id

),

faceit_identities as (

    select
        'steam:' || accounts.steam_account_id as person_id,
        players.game,
        players.player_id,
        accounts.matched_by,
        accounts.is_contradicted
    from accounts
    inner join {{ ref('dim_players') }} as players
        on accounts.game = players.game
            and accounts.player_id = players.player_id
    where accounts.game in {{ faceit_games() }}
    union all
    -- A player without a known account is a person of their own.
    select
        'faceit:' || players.player_id as person_id,
        players.game,
        players.player_id,
        cast(null as text) as matched_by,
        false as is_contradicted
    from {{ ref('dim_players') }} as players
    left join {{ ref('fct_player_accounts') }} as known
        on players.game = known.game
            and players.player_id = known.player_id
    where players.game in {{ faceit_games() }}
        and known.player_id is null
        and {{ only_changed_people('players.player_id', 'faceit') }}

),

identities as (

    select
        person_id,
        game,
        player_id,
        source,
        identity_kind,
        matched_by,
        is_contradicted
    from dota2_identities
    union all
    select
        person_id,
        game,
        player_id,
        'faceit' as source,
        'faceit_player' as identity_kind,
        matched_by,
        is_contradicted
    from faceit_identities

),

resolved as (

    select
        person_id,
        game,
        player_id,
        source,
        identity_kind,
        matched_by,
        row_number() over (partition by person_id, game order by player_id) = 1 as is_primary,
        is_contradicted or count(*) over (partition by person_id, game) > 1 as is_conflicting
    from identities

)

select * from resolved
