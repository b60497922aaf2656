{{ config(incremental_strategy='difference', unique_key=['game', 'ladder', 'observed_date', 'rank_value']) }}
{#- The number of players at a rank on a day is a running sum of players who reached it less players who left it. #}

with movements as (

    select * from {{ ref('int_rank_day_movements') }}

),

days as (

    select distinct
        game,
        ladder,
        observed_date
    from movements
    where observations > 0

),

ranks as (

    select distinct
        movements.game,
        movements.ladder,
        movements.rank_value,
        {{ rank_name(
            'movements.ladder', 'movements.rank_value', 'movements.rank_value', 'medals.medal_name', 'medals.has_stars'
        ) }} as rank_name
    from movements
    left join {{ ref('dota2_medals') }} as medals
        on {{ is_ladder_of('movements.ladder', 'medal') }}
            and movements.rank_value / 10 = medals.medal
    where movements.observations > 0 and movements.rank_value > 0

),

holders as (

    select
        days.game,
        days.ladder,
        days.observed_date,
        ranks.rank_value,
        ranks.rank_name,
        sum(coalesce(movements.players, 0)) over (
            partition by days.game, days.ladder, ranks.rank_value
            order by days.observed_date
        ) as players
    from days
    inner join ranks
        on days.game = ranks.game
            and days.ladder = ranks.ladder
    left join movements
        on days.game = movements.game
            and days.ladder = movements.ladder
            and days.observed_date = movements.observed_date
            and ranks.rank_value = movements.rank_value

),

totalled as (

    select
        *,
        sum(players) over (partition by game, ladder, observed_date) as total_players,
        sum(players) over (partition by game, ladder, observed_date order by rank_value) as cumulative_players
    from holders
    where players > 0

),

shared as (

    select
        game,
        ladder,
        observed_date,
        rank_value,
        rank_name,
        cast(players as integer) as players,
        {{ share('players', 'total_players') }} as share,
        {{ share('cumulative_players', 'total_players') }} as cumulative_share
    from totalled

)

select * from shared
