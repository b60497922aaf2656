{{
    config(
        unique_key=['game', 'ladder', 'observed_date', 'rank_value'],
        meta={'facts': ['rank_progression'], 'count_column': 'entries'}
    )
}}

with progression as (

    -- Ratings have no distribution, which would have a row for each number. Elos are grouped by level.
    select
        game,
        case
            when {{ is_ladder_of('ladder', 'elo') }} then {{ ladder('faceit_level') }}
            when {{ is_ladder_of('ladder', 'medal') }} then ladder
        end as ladder,
        observed_date,
        next_observed_date,
        case
            -- No rank, or an elo without a level, gets the value 0: it is no row of the distribution, but the day has
            -- an observation, on which a level that was held before ends.
            when {{ is_ladder_of('ladder', 'elo') }}
                then cast(replace(coalesce(rank_name, '0'), 'Level ', '') as integer)
            else coalesce(rank_value, 0)
        end as rank_value,
        _sign
    from {{ signed(ref('rank_progression')) }}
    where ladder in {{ literals(ladders_of('medal') ~ ' ' ~ ladders_of('elo')) }}

),

-- A player holds a rank from the day of an observation to the day of the next one.
movements as (

    select
        game,
        ladder,
        observed_date,
        rank_value,
        1 as observations,
        case when rank_value > 0 then 1 else 0 end as players,
        _sign
    from progression
    union all
    select
        game,
        ladder,
        next_observed_date as observed_date,
        rank_value,
        0 as observations,
        -1 as players,
        _sign
    from progression
    where next_observed_date is not null and rank_value > 0

),

summed as (

    select
        game,
        ladder,
        observed_date,
        rank_value,
        cast({{ signed_count() }} as integer) as entries,
        cast({{ signed_sum('observations') }} as integer) as observations,
        cast({{ signed_sum('players') }} as integer) as players
    from movements
    group by game, ladder, observed_date, rank_value

)

select * from summed
