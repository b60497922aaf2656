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
{{- hooks_read('stg_faceit__account_changes') }}

with profiles as (

    select * from {{ ref('stg_faceit__players') }}
    where {{ only_changed(['player_id']) }}

),

games as (

    select * from {{ ref('stg_faceit__player_games') }}
    where steam_account_id is not null
        and {{ only_changed(['player_id']) }}

),

-- Matches name the accounts of everybody in them; of two the greater, since neither is known to be newer.
seen as (

    select
        player_id,
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
    ) as told
    where steam_account_id is not null
    group by player_id

),

known as (

    select player_id from profiles
    where steam_account_id is not null
    union
    select player_id from games
    where game = 'dota2' or game in {{ faceit_games() }}
    union
    select player_id from seen

),

accounts as (

    {%- for game in ['cs2', 'csgo'] %}
    select
        '{{ game }}' as game,
        known.player_id,
        coalesce(
            profiles.steam_account_id, games.steam_account_id, seen.steam_account_id, dota2.steam_account_id
        ) as steam_account_id,
        case
            when coalesce(profiles.steam_account_id, games.steam_account_id, seen.steam_account_id) is null
                then 'steam_account_in_game'
            else 'steam_id_64'
        end as matched_by
    from known
    left join profiles on known.player_id = profiles.player_id
    left join games
        on known.player_id = games.player_id
            and games.game = '{{ game }}'
    left join games as dota2
        on known.player_id = dota2.player_id
            and dota2.game = 'dota2'
    left join seen on known.player_id = seen.player_id
    union all
    {%- endfor %}
    select
        game,
        player_id,
        steam_account_id,
        'steam_account_in_game' as matched_by
    from games
    where game = 'dota2'

),

compared as (

    select
        game,
        player_id,
        cast(steam_account_id as text) as steam_account_id,
        matched_by,
        min(steam_account_id) over (partition by player_id)
        <> max(steam_account_id) over (partition by player_id) as is_contradicted
    from accounts
    where steam_account_id is not null

)

select * from compared
