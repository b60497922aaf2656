{%- set window = 20 %}
{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id'],
        meta={'facts': ['player_performance'], 'change_key': ['game', 'player_id']}
    )
}}

with
{%- if reads_deltas() %}
-- An index scan from the newest match reads no more rows than the window has.
played as (

    select newest.*
    from (
        select distinct
            game,
            player_id
        from {{ changed_keys() }}
    ) as changed
    cross join lateral (
        select performances.*
        from {{ ref('player_performance') }} as performances
        where performances.game = changed.game
            and performances.player_id = changed.player_id
            and performances.is_significant
            and performances.played_at is not null
        order by performances.played_at desc, performances.match_id desc
        limit {{ window }}
    ) as newest

),
{%- else %}
played as (

    select * from {{ ref('player_performance') }}
    where is_significant and played_at is not null

),
{%- endif %}

ranked as (

    select
        game,
        player_id,
        played_at,
        is_win,
        is_draw,
        hltv_rating_1 as rating,
        row_number() over (partition by game, player_id order by played_at desc, match_id desc) as recency_rank
    from played

),

-- `step` counts from 0, the oldest match of the window.
newest as (

    select
        *,
        cast({{ window }} - recency_rank as numeric) as step
    from ranked
    where recency_rank <= {{ window }}

),

summed as (

    select
        game,
        player_id,
        cast(count(*) as integer) as matches,
        cast(sum(case when is_win then 1 else 0 end) as integer) as wins,
        cast(sum(case when is_draw then 1 else 0 end) as integer) as draws,
        cast(count(rating) as integer) as rated_matches,
        {{ ratio('sum(rating)', 'count(rating)') }} as mean_rating,
        {{ least_squares('step', 'rating') }},
        min(played_at) as first_played_at,
        max(played_at) as last_played_at
    from newest
    group by game, player_id

),

bounded as (

    select
        *,
        {{ slope_margin('slope_variance', 'rated_matches') }} as slope_margin
    from summed

),

rated as (

    select
        game,
        player_id,
        matches,
        wins,
        draws,
        matches - wins - draws as losses,
        {{ share('wins', 'matches') }} as win_rate,
        {{ wilson_low('wins', 'matches') }} as win_rate_low,
        {{ wilson_high('wins', 'matches') }} as win_rate_high,
        rated_matches,
        mean_rating,
        cast(round(slope, 6) as numeric(18, 6)) as rating_slope,
        cast(round(slope - slope_margin, 6) as numeric(18, 6)) as rating_slope_low,
        cast(round(slope + slope_margin, 6) as numeric(18, 6)) as rating_slope_high,
        case
            when round(slope - slope_margin, 6) > 0 then 'rising'
            when round(slope + slope_margin, 6) < 0 then 'falling'
        end as direction,
        first_played_at,
        last_played_at
    from bounded

)

select * from rated
