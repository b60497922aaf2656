{{
    config(
        incremental_strategy='difference',
        unique_key=['board', 'player_id'],
        indexes=[{'columns': ['board', 'rank', 'player_id']}, {'columns': ['game', 'player_id']}]
    )
}}

{%- set min_matches = 10 %}

with players as (

    -- Of other players only matches shared with tracked players are known.
    select * from {{ ref('dim_players') }}
    where is_tracked

),

records as (

    select * from {{ ref('player_win_rates') }}

),

boards as (

    select
        game || '_win_rate' as board,
        game,
        player_id,
        win_rate_low as score,
        matches,
        wins,
        draws
    from records
    where period = 'all' and matches > 0

    union all

    select
        game || '_win_rate_30d' as board,
        game,
        player_id,
        win_rate_low as score,
        matches,
        wins,
        draws
    from records
    where period = '30d' and matches > 0

    union all

    select
        game || '_matches' as board,
        game,
        player_id,
        matches as score,
        matches,
        wins,
        draws
    from records
    where period = 'all' and matches > 0

    union all

    select
        players.game || '_' || games.rank_board as board,
        players.game,
        players.player_id,
        -- The leaderboard rank orders players with the same medal: rank 1 is just below the next medal. Elos need no
        -- such order, and leaderboard ranks of different regions are not comparable.
        case
            when {{ is_ladder_of('games.rank_ladder', 'medal') }} and players.leaderboard_rank is not null
                then players.rank_value + 1 - least(players.leaderboard_rank, 999999) / 1000000.0
            else players.rank_value
        end as score,
        coalesce(records.matches, 0) as matches,
        coalesce(records.wins, 0) as wins,
        coalesce(records.draws, 0) as draws
    from players
    inner join {{ ref('games') }} as games on players.game = games.game
    left join records
        on players.game = records.game
            and players.player_id = records.player_id
            and records.period = 'all'
    where players.rank_value is not null

    union all

    select
        game || '_hltv_rating' as board,
        game,
        player_id,
        {{ ratio('hltv_rating_1_total', 'rated_matches') }} as score,
        rated_matches as matches,
        rated_wins as wins,
        rated_draws as draws
    from {{ ref('int_player_performance_totals') }}
    where rated_matches > 0

),

entries as (

    select
        boards.board,
        boards.game,
        boards.player_id,
        players.display_name,
        cast(boards.score as numeric(18, 6)) as score,
        boards.matches,
        boards.wins,
        boards.draws,
        boards.matches - boards.wins - boards.draws as losses,
        {{ share('boards.wins', 'boards.matches') }} as win_rate,
        boards.matches >= {{ min_matches }} as is_qualified
    from boards
    inner join players
        on boards.game = players.game
            and boards.player_id = players.player_id

),

ranked as (

    select
        board,
        game,
        player_id,
        display_name,
        case
            when is_qualified then cast(rank() over (partition by board, is_qualified order by score desc) as integer)
        end as rank,
        score,
        matches,
        wins,
        draws,
        losses,
        win_rate,
        is_qualified
    from entries

)

select * from ranked
