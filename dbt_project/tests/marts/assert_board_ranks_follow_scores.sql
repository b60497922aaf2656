-- The rank of a qualified player is 1 + the number of qualified players of the board with a greater score.
with qualified as (

    select * from {{ ref('leaderboard_entries') }}
    where is_qualified

),

counted as (

    select
        board,
        player_id,
        rank,
        score,
        lag(score) over (partition by board order by rank, score) as score_before,
        lag(rank) over (partition by board order by rank, score) as rank_before,
        row_number() over (partition by board order by rank, score) as row_rank
    from qualified

)

select * from counted
where case
        when rank_before is null then rank <> 1
        when score = score_before then rank <> rank_before
        else score > score_before or rank <> row_rank
    end
