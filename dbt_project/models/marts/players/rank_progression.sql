{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id', 'ladder', 'observed_date'],
        meta={
            'facts': ['fct_rank_observations'],
            'change_key': ['game', 'player_id', 'ladder'],
            'hangs_on_date': true,
            'has_feed': true,
        },
        indexes=[{'columns': ['game', 'ladder', 'observed_date']}]
    )
}}
with observations as (

    select
        *,
        {{ utc_date('observed_at') }} as observed_date
    from {{ ref('fct_rank_observations') }}
    where {{ only_changed(['game', 'player_id', 'ladder']) }}

),

placed as (

    select
        *,
        -- FACEIT's profiles show the elo alone; it is rankings, read more seldom, that show the place.
        {%- for column in ['leaderboard_rank', 'leaderboard_region'] %}
        case ladder
            when 'faceit_elo'
                then first_value({{ column }}) over (
                        partition by game, player_id, ladder, observed_date
                        order by case when leaderboard_rank is null then 1 else 0 end, observed_at desc
                    )
            else {{ column }}
        end as day_{{ column }},
        {%- endfor %}
        row_number() over (partition by game, player_id, ladder, observed_date order by observed_at desc) as place
    from observations

),

days as (

    select
        game,
        player_id,
        ladder,
        observed_date,
        rank_value,
        rank_name,
        day_leaderboard_rank as leaderboard_rank,
        day_leaderboard_region as leaderboard_region,
        lag(rank_value) over (partition by game, player_id, ladder order by observed_date) as rank_value_before,
        lead(observed_date) over (partition by game, player_id, ladder order by observed_date) as next_observed_date,
        max(rank_value) over (partition by game, player_id, ladder order by observed_date) as peak_rank_value,
        max(observed_date) over (partition by game, player_id, ladder) as newest_date
    from placed
    where place = 1

),

-- The days on which a rank was first seen; the rank is held until the next of them.
changes as (

    select
        *,
        case when rank_value_before is null or rank_value_before <> rank_value then observed_date end as changed_date
    from days

),

held as (

    select
        *,
        min(changed_date) over (
            partition by game, player_id, ladder
            order by observed_date
            rows between 1 following and unbounded following
        ) as next_changed_date
    from changes

),

measured as (

    select
        held.game,
        held.player_id,
        held.ladder,
        held.observed_date,
        held.rank_value,
        held.rank_name,
        held.leaderboard_rank,
        held.leaderboard_region,
        held.rank_value - held.rank_value_before as change,
        held.peak_rank_value,
        held.next_observed_date,
        -- greatest() passes over a null, as the date is before anything was played.
        {{ days_between(
            'held.observed_date',
            'coalesce(held.next_changed_date, greatest(as_of.as_of_date, held.newest_date))'
        ) }} as days_held
    from held
    cross join {{ ref('int_as_of_date') }} as as_of

)

select * from measured
