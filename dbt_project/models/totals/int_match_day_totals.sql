{{
    config(
        unique_key=['game', 'patch_id', 'rank_bracket', 'played_date'],
        meta={'facts': ['fct_player_matches'], 'count_column': 'matches'}
    )
}}

with matches as (

    {% if reads_deltas() %}
    {{ match_presence(changes_in(ref('fct_player_matches')), ref('fct_player_matches')) }}
    {% else %}
    select distinct
        game,
        match_id,
        coalesce(patch_id, 'unknown') as patch_id,
        rank_bracket,
        played_date,
        1 as is_now,
        0 as was_before
    from {{ ref('fct_player_matches') }}
    where is_significant and played_date is not null
    {% endif %}

),

summed as (

    select
        game,
        patch_id,
        rank_bracket,
        played_date,
        cast(sum(is_now - was_before) as integer) as matches
    from matches
    group by game, patch_id, rank_bracket, played_date

)

select * from summed
