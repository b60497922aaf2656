with dota2 as (

    {{ dota2_rank_observations() }}

),

faceit as (

    {{ faceit_rank_observations() }}

),

unioned as (

    select * from dota2
    union all
    select * from faceit

)

select * from unioned
