with matches as (

    select * from {{ ref('fct_player_matches') }}
    where is_significant and player_id is not null

),

summed as (

    select
        game,
        player_id,
        character_id,
        cast(count(*) as integer) as matches,
        cast(sum(case when is_win then 1 else 0 end) as integer) as wins,
        sum(kills) as kills,
        sum(deaths) as deaths,
        sum(assists) as assists,
        max(played_at) as last_played_at
    from matches
    group by game, player_id, character_id

),

rated as (

    select
        game,
        player_id,
        character_id,
        matches,
        wins,
        matches - wins as losses,
        {{ share('wins', 'matches') }} as win_rate,
        {{ wilson_low('wins', 'matches') }} as win_rate_low,
        {{ wilson_high('wins', 'matches') }} as win_rate_high,
        kills,
        deaths,
        assists,
        {{ kda('kills', 'deaths', 'assists') }} as kda,
        last_played_at
    from summed

)

select * from rated
