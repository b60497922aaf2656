{#
    CTEs that end in `rated`: the records of teams. They read a CTE `results` of decided matches, which numbers the
    matches of a team (`recency_rank`, newest first) and has the outcome of each match (`team_outcome`) and of the
    newest one (`last_outcome`).

    by: columns that identify a record.
#}
{% macro team_record(by) -%}
-- The newest match with another outcome ends the streak. A draw ends a streak and starts none.
streaks as (

    select
        *,
        min(case when outcome <> last_outcome then recency_rank end) over (
            partition by {{ by | join(', ') }}
        ) as streak_end
    from results

),

summed as (

    select
        {{ by | join(', ') }},
        cast(count(*) as integer) as matches,
        cast(sum(case when outcome = 1 then 1 else 0 end) as integer) as wins,
        cast(sum(case when outcome = 0 then 1 else 0 end) as integer) as draws,
        cast(
            sum(
                case
                    when streak_end is not null and recency_rank >= streak_end then 0
                    else outcome
                end
            ) as integer
        ) as streak,
        cast(sum(case when outcome = 1 and recency_rank <= 10 then 1 else 0 end) as integer) as last_10_wins,
        cast(sum(case when outcome = 0 and recency_rank <= 10 then 1 else 0 end) as integer) as last_10_draws,
        cast(sum(case when recency_rank <= 10 then 1 else 0 end) as integer) as last_10_matches,
        max(played_at) as last_played_at
    from streaks
    group by {{ by | join(', ') }}

),

rated as (

    select
        *,
        matches - wins - draws as losses,
        {{ share('wins', 'matches') }} as win_rate,
        {{ wilson_low('wins', 'matches') }} as win_rate_low,
        {{ wilson_high('wins', 'matches') }} as win_rate_high
    from summed

)
{%- endmacro %}


{# Outcome of a decided match: 1 won, 0 drawn, -1 lost. #}
{% macro team_outcome() -%}
    case when is_draw then 0 when is_win then 1 else -1 end
{%- endmacro %}
