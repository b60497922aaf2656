-- Matches of the last 7 days <= matches of the last 30 days <= all matches.
with periods as (

    select
        game,
        player_id,
        max(case when period = 'all' then matches end) as matches_all,
        max(case when period = '30d' then matches end) as matches_30d,
        max(case when period = '7d' then matches end) as matches_7d
    from {{ ref('player_win_rates') }}
    group by game, player_id

)

select * from periods
where matches_7d is null
    or matches_30d is null
    or matches_all is null
    or matches_7d > matches_30d
    or matches_30d > matches_all
