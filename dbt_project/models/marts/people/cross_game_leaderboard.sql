{{
    config(
        incremental_strategy='difference',
        unique_key=['person_id'],
        indexes=[{'columns': ['rank', 'person_id']}]
    )
}}
{%- set games = ['cs2', 'dota2'] %}

with ranked_players as (

    select
        game,
        player_id,
        rank_value,
        rank_name
    from {{ ref('dim_players') }}
    where rank_value is not null
        and game in ('{{ games | join("', '") }}')

),

-- cume_dist() from counts, because the function returns a float.
counted as (

    select
        *,
        count(*) over (partition by game order by rank_value) as not_above,
        count(*) over (partition by game) as players
    from ranked_players

),

percentiles as (

    select
        identities.person_id,
        counted.game,
        counted.player_id,
        counted.rank_value,
        counted.rank_name,
        {{ share('counted.not_above', 'counted.players') }} as percentile
    from counted
    inner join {{ ref('bridge_player_identities') }} as identities
        on counted.game = identities.game
            and counted.player_id = identities.player_id
            and identities.is_primary

),

people as (

    select
        person_id,
        {%- for game in games %}
        max(case when game = '{{ game }}' then player_id end) as {{ game }}_player_id,
        max(case when game = '{{ game }}' then rank_value end) as {{ game }}_rank_value,
        max(case when game = '{{ game }}' then rank_name end) as {{ game }}_rank_name,
        max(case when game = '{{ game }}' then percentile end) as {{ game }}_percentile,
        {%- endfor %}
        cast(count(*) as integer) as games,
        cast(round(avg(percentile), 6) as numeric(8, 6)) as score
    from percentiles
    group by person_id
    having count(*) > 1

),

ranked as (

    select
        people.person_id,
        dim_people.display_name,
        cast(rank() over (order by people.score desc) as integer) as rank,
        people.score,
        {%- for game in games %}
        people.{{ game }}_player_id,
        people.{{ game }}_rank_value,
        people.{{ game }}_rank_name,
        cast(people.{{ game }}_percentile as numeric(8, 6)) as {{ game }}_percentile,
        {%- endfor %}
        people.games
    from people
    inner join {{ ref('dim_people') }} as dim_people on people.person_id = dim_people.person_id

)

select * from ranked
