{{
    config(
        unique_key=['game', 'ladder', 'observed_date', 'rank_value'],
        meta={'facts': ['rank_progression'], 'counts': 'entries'}
    )
}}

with progression as (

    select * from {{ signed(ref('rank_progression')) }}
    -- Ratings are numbers, not ranks: a distribution of them would have a row for each number.
    where ladder = 'dota2_rank_tier'

),

-- A player holds a rank from the day of an observation to that of the next.
movements as (

    select
        game,
        ladder,
        observed_date,
        rank_value,
        1 as observations,
        1 as players,
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
    where next_observed_date is not null

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
