{#
    The records of teams, as CTEs ending in `rated`, from a CTE `results` that numbers a team's decided matches
    (`place`, newest first) and tells the newest result beside each (`last_is_win`).

    by: columns that a record belongs to.
#}
{% macro team_record(by) -%}
-- The newest match that ended the other way ends the streak.
streaks as (

    select
        *,
        min(case when is_win <> last_is_win then place end) over (partition by {{ by | join(', ') }}) as streak_end
    from results

),

summed as (

    select
        {{ by | join(', ') }},
        cast(count(*) as integer) as matches,
        cast(sum(case when is_win then 1 else 0 end) as integer) as wins,
        cast(
            sum(
                case
                    when streak_end is not null and place >= streak_end then 0
                    when is_win then 1
                    else -1
                end
            ) as integer
        ) as streak,
        cast(sum(case when is_win and place <= 10 then 1 else 0 end) as integer) as last_10_wins,
        cast(sum(case when place <= 10 then 1 else 0 end) as integer) as last_10_matches,
        max(played_at) as last_played_at
    from streaks
    group by {{ by | join(', ') }}

),

rated as (

    select
        *,
        matches - wins as losses,
        {{ share('wins', 'matches') }} as win_rate,
        {{ wilson_low('wins', 'matches') }} as win_rate_low,
        {{ wilson_high('wins', 'matches') }} as win_rate_high
    from summed

)
{%- endmacro %}
