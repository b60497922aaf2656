{# part / whole as numeric(8,6); null if the whole is zero. #}
{% macro share(part, whole) -%}
    cast(round(cast({{ part }} as numeric) / nullif({{ whole }}, 0), 6) as numeric(8, 6))
{%- endmacro %}


{#
    The same for a part that cannot exceed its whole; null if it does (absurd statistics), because the share would
    overflow and fail the build.
#}
{% macro share_within(part, whole) -%}
    {{ share('case when ' ~ part ~ ' between 0 and ' ~ whole ~ ' then ' ~ part ~ ' end', whole) }}
{%- endmacro %}


{# total / count as numeric(18,4); null if the count is zero. #}
{% macro ratio(total, count) -%}
    cast(round(cast({{ total }} as numeric) / nullif({{ count }}, 0), 4) as numeric(18, 4))
{%- endmacro %}


{# (kills + assists) / deaths; no deaths count as one. #}
{% macro kda(kills, deaths, assists) -%}
    {{ ratio('(' ~ kills ~ ' + ' ~ assists ~ ')', 'greatest(' ~ deaths ~ ', 1)') }}
{%- endmacro %}


{# kills / deaths; no deaths count as one. #}
{% macro kd_ratio(kills, deaths) -%}
    {{ ratio(kills, 'case ' ~ deaths ~ ' when 0 then 1 else ' ~ deaths ~ ' end') }}
{%- endmacro %}


{#
    Name of a rank: medal and stars, FACEIT's level, or the rating itself, by kind of ladder; null for an unknown
    ladder.
#}
{% macro rank_name(ladder, rank_value, level, medal_name, has_stars) -%}
    case
        when {{ is_ladder_of(ladder, 'elo') }} or {{ is_ladder_of(ladder, 'level') }}
            then 'Level ' || cast({{ level }} as text)
        when {{ is_ladder_of(ladder, 'rating') }} then cast({{ rank_value }} as text) || ' MMR'
        when {{ is_ladder_of(ladder, 'medal') }} and {{ has_stars }} and {{ rank_value }} % 10 > 0
            then {{ medal_name }} || ' ' || cast({{ rank_value }} % 10 as text)
        when {{ is_ladder_of(ladder, 'medal') }} then {{ medal_name }}
    end
{%- endmacro %}


{#
    Position of a rank among all ranks of its ladder: each star of a medal is one step, each point of a rating is one.
    Divine 1 follows Ancient 5, whatever their numbers. Null for a value that no medal has and for an unknown ladder.

    medals: alias of the row of `dota2_medals` for the value.
#}
{% macro rank_steps(ladder, rank_value, medals) -%}
    case
        when {{ is_ladder_of(ladder, 'rating') }} or {{ is_ladder_of(ladder, 'elo') }} then {{ rank_value }}
        -- A medal that is shown without stars counts as one with the first star.
        when {{ is_ladder_of(ladder, 'medal') }} and {{ medals }}.has_stars
            then {{ medals }}.first_step + least(greatest({{ rank_value }} % 10, 1), 5) - 1
        when {{ is_ladder_of(ladder, 'medal') }} then {{ medals }}.first_step
    end
{%- endmacro %}
