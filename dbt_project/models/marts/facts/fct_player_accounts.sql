{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id'],
        meta={
            'changes': 'stg_faceit__account_changes',
            'change_key': ['player_id'],
            'has_feed': true,
        },
        indexes=[{'columns': ['player_id']}, {'columns': ['steam_account_id']}]
    )
}}
{{- depends_on_in_hooks('stg_faceit__account_changes') }}

with profiles as (

    select * from {{ ref('stg_faceit__players') }}
    where {{ only_changed(['player_id']) }}

),

games as (

    select * from {{ ref('stg_faceit__player_games') }}
    where steam_account_id is not null
        and (game = {{ game('dota2') }} or game in {{ faceit_games() }})
        and {{ only_changed(['player_id']) }}

),

-- Matches name the accounts of all their players. The greatest wins, since the newest is unknown.
match_accounts as (

    select
        player_id,
        min(steam_account_id) as min_account_id,
        max(steam_account_id) as steam_account_id
    from (
        select
            player_id,
            steam_account_id
        from {{ ref('stg_faceit__history_players') }}
        where {{ only_changed(['player_id']) }}
        union all
        select
            player_id,
            steam_account_id
        from {{ ref('stg_faceit__match_rosters') }}
        where {{ only_changed(['player_id']) }}
    ) as named
    where steam_account_id is not null
        and {{ valid_faceit_player_id('player_id') }} is not null
    group by player_id

),

reported_accounts as (

    select
        player_id,
        steam_account_id
    from profiles
    where steam_account_id is not null
    union all
    select
        player_id,
        steam_account_id
    from games
    union all
    select
        player_id,
        steam_account_id
    from match_accounts
    union all
    select
        player_id,
        min_account_id as steam_account_id
    from match_accounts

),

known as (

    select
        player_id,
        min(steam_account_id) <> max(steam_account_id) as is_contradicted
    from reported_accounts
    group by player_id

),

accounts as (

    {%- for faceit_game in faceit_game_names().split() %}
    {%- set other_games = faceit_game_names().split() | reject('eq', faceit_game) | list %}
    {%- set by_steam_id_64 = (['profiles', 'own'] + other_games + ['match_accounts'])
        | join('.steam_account_id, ') ~ '.steam_account_id' %}
    select
        '{{ faceit_game }}' as game,
        known.player_id,
        coalesce({{ by_steam_id_64 }}, dota2.steam_account_id) as steam_account_id,
        case
            when coalesce({{ by_steam_id_64 }}) is null then 'steam_account_in_game'
            else 'steam_id_64'
        end as matched_by,
        known.is_contradicted
    from known
    left join profiles on known.player_id = profiles.player_id
    left join games as own
        on known.player_id = own.player_id
            and own.game = '{{ faceit_game }}'
    -- A player without an account in this game is assumed to use that of another game of FACEIT's.
    {%- for other_game in other_games %}
    left join games as {{ other_game }}
        on known.player_id = {{ other_game }}.player_id
            and {{ other_game }}.game = '{{ other_game }}'
    {%- endfor %}
    left join match_accounts on known.player_id = match_accounts.player_id
    left join games as dota2
        on known.player_id = dota2.player_id
            and dota2.game = {{ game('dota2') }}
    union all
    {%- endfor %}
    select
        games.game,
        games.player_id,
        games.steam_account_id,
        'steam_account_in_game' as matched_by,
        known.is_contradicted
    from games
    inner join known on games.player_id = known.player_id
    where games.game = {{ game('dota2') }}

)

select
    game,
    player_id,
    cast(steam_account_id as text) as steam_account_id,
    matched_by,
    is_contradicted
from accounts
