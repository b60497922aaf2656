{#- How many hold a rank on a day is a running sum of those who reached it less those who left it. -#}
with progression as (

    select
        game,
        player_id,
        ladder,
        observed_date,
        rank_value,
        rank_name,
        lead(observed_date) over (partition by game, player_id, ladder order by observed_date) as next_observed_date
    from {{ ref('rank_progression') }}
    -- Ratings are numbers, not ranks: a distribution of them would have a row for each number.
    where ladder = 'dota2_rank_tier'

),

movements as (

    select
        game,
        ladder,
        observed_date,
        rank_value,
        1 as players
    from progression
    union all
    select
        game,
        ladder,
        next_observed_date as observed_date,
        rank_value,
        -1 as players
    from progression
    where next_observed_date is not null

),

net_movements as (

    select
        game,
        ladder,
        observed_date,
        rank_value,
        sum(players) as players
    from movements
    group by game, ladder, observed_date, rank_value

),

days as (

    select distinct
        game,
        ladder,
        observed_date
    from progression

),

ranks as (

    select
        game,
        ladder,
        rank_value,
        max(rank_name) as rank_name
    from progression
    group by game, ladder, rank_value

),

holders as (

    select
        days.game,
        days.ladder,
        days.observed_date,
        ranks.rank_value,
        ranks.rank_name,
        sum(coalesce(net_movements.players, 0)) over (
            partition by days.game, days.ladder, ranks.rank_value
            order by days.observed_date
        ) as players
    from days
    inner join ranks
        on days.game = ranks.game
            and days.ladder = ranks.ladder
    left join net_movements
        on days.game = net_movements.game
            and days.ladder = net_movements.ladder
            and days.observed_date = net_movements.observed_date
            and ranks.rank_value = net_movements.rank_value

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
