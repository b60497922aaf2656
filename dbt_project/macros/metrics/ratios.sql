{# A share as numeric(8,6); null for a whole of zero. #}
{% macro share(part, whole) -%}
    cast(round(cast({{ part }} as numeric) / nullif({{ whole }}, 0), 6) as numeric(8, 6))
{%- endmacro %}


{#
    The same of a part that lies within its whole by what it is; null where it does not, as in absurd statistics, whose
    share would be too great a number and stop a build.
#}
{% macro share_within(part, whole) -%}
    {{ share('case when ' ~ part ~ ' between 0 and ' ~ whole ~ ' then ' ~ part ~ ' end', whole) }}
{%- endmacro %}


{# An average as numeric(18,4); null for a count of zero. #}
{% macro ratio(total, count) -%}
    cast(round(cast({{ total }} as numeric) / nullif({{ count }}, 0), 4) as numeric(18, 4))
{%- endmacro %}


{# Kills and assists a death; a record without deaths counts as one with one. #}
{% macro kda(kills, deaths, assists) -%}
    {{ ratio('(' ~ kills ~ ' + ' ~ assists ~ ')', 'greatest(' ~ deaths ~ ', 1)') }}
{%- endmacro %}


{# Kills a death; a record without deaths counts as one with one. #}
{% macro kd_ratio(kills, deaths) -%}
    {{ ratio(kills, 'case ' ~ deaths ~ ' when 0 then 1 else ' ~ deaths ~ ' end') }}
{%- endmacro %}


{# Name of a value on a ladder: medal and stars on the medal ladder, FACEIT's level, or else the rating itself. #}
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
    Place of a value among all ranks of its ladder in order: of medals and stars each is a step, of a rating each point.
    Divine 1 comes next to Ancient 5, whatever their numbers. Null for what no medal has.

    medals: alias of the seed's row of the value's medal.
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
