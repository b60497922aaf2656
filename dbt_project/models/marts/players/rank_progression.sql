{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id', 'ladder', 'observed_date'],
        meta={
            'facts': ['fct_rank_observations'],
            'change_key': ['game', 'player_id', 'ladder'],
            'depends_on_as_of_date': true,
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

ranked as (

    select
        *,
        -- FACEIT's profiles show the elo only; rankings, which are read less often, show the leaderboard rank.
        {%- for column in ['leaderboard_rank', 'leaderboard_region'] %}
        case
            when {{ is_ladder_of('ladder', 'elo') }}
                then first_value({{ column }}) over (
                        partition by game, player_id, ladder, observed_date
                        order by case when leaderboard_rank is null then 1 else 0 end, observed_at desc
                    )
            else {{ column }}
        end as day_{{ column }},
        {%- endfor %}
        row_number() over (partition by game, player_id, ladder, observed_date order by observed_at desc) as row_rank
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
        -- Without a rank there is no leaderboard rank.
        case when rank_value is not null then day_leaderboard_rank end as leaderboard_rank,
        case when rank_value is not null then day_leaderboard_region end as leaderboard_region,
        lag(rank_value) over (partition by game, player_id, ladder order by observed_date) as rank_value_before,
        row_number() over (partition by game, player_id, ladder order by observed_date) as day_number,
        lead(observed_date) over (partition by game, player_id, ladder order by observed_date) as next_observed_date,
        max(rank_value) over (partition by game, player_id, ladder order by observed_date) as peak_rank_value,
        max(observed_date) over (partition by game, player_id, ladder) as newest_date
    from ranked
    where row_rank = 1

),

-- Days on which a new rank, or a missing rank, was first observed. It is held until the next of these days.
changes as (

    select
        *,
        case
            when day_number = 1 or coalesce(rank_value_before, 0) <> coalesce(rank_value, 0) then observed_date
        end as changed_date
    from days
    -- A rank that appeared and vanished within the first day is not a rank at the end of the day.
    where peak_rank_value is not null

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
        {{ rank_steps('held.ladder', 'held.rank_value', 'medals') }}
        - {{ rank_steps('held.ladder', 'held.rank_value_before', 'medals_before') }} as change_steps,
        held.peak_rank_value,
        held.next_observed_date,
        -- greatest() ignores a null, which the as_of_date is before the first match.
        {{ days_between(
            'held.observed_date',
            'coalesce(held.next_changed_date, greatest(as_of.as_of_date, held.newest_date))'
        ) }} as days_held
    from held
    cross join {{ ref('int_as_of_date') }} as as_of
    left join {{ ref('dota2_medals') }} as medals
        on {{ is_ladder_of('held.ladder', 'medal') }}
            and held.rank_value / 10 = medals.medal
    left join {{ ref('dota2_medals') }} as medals_before
        on {{ is_ladder_of('held.ladder', 'medal') }}
            and held.rank_value_before / 10 = medals_before.medal

)

select * from measured
