{{
    config(
        unique_key=['game', 'patch_id', 'rank_bracket', 'played_date'],
        meta={'facts': ['fct_player_matches'], 'counts': 'matches'}
    )
}}

-- A match counts once, whatever the number of its slots: it is there from the first slot to the last.
with touched as (

    select
        game,
        match_id,
        coalesce(patch_id, 'unknown') as patch_id,
        rank_bracket,
        played_date,
        {{ signed_count() }} as slots_changed
    from {{ signed(ref('fct_player_matches')) }}
    where is_significant
    group by game, match_id, coalesce(patch_id, 'unknown'), rank_bracket, played_date

),

standing as (

    select
        game,
        match_id,
        coalesce(patch_id, 'unknown') as patch_id,
        rank_bracket,
        played_date,
        count(*) as slots
    from {{ ref('fct_player_matches') }}
    where is_significant
        and (game, match_id) in (
            select
                touched.game,
                touched.match_id
            from touched
        )
    group by game, match_id, coalesce(patch_id, 'unknown'), rank_bracket, played_date

),

counted as (

    select
        touched.*,
        coalesce(standing.slots, 0) as slots
    from touched
    left join standing
        on touched.game = standing.game
            and touched.match_id = standing.match_id
            and touched.patch_id = standing.patch_id
            and touched.rank_bracket = standing.rank_bracket
            and touched.played_date = standing.played_date

),

summed as (

    select
        game,
        patch_id,
        rank_bracket,
        played_date,
        cast(
            sum(
                case when slots > 0 then 1 else 0 end
                - case when slots - slots_changed > 0 then 1 else 0 end
            ) as integer
        ) as matches
    from counted
    group by game, patch_id, rank_bracket, played_date

)

select * from summed
