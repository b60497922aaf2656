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
        when {{ ladder }} in ('faceit_elo', 'faceit_level') then 'Level ' || cast({{ level }} as text)
        when {{ ladder }} <> 'dota2_rank_tier' then cast({{ rank_value }} as text) || ' MMR'
        when {{ has_stars }} and {{ rank_value }} % 10 > 0
            then {{ medal_name }} || ' ' || cast({{ rank_value }} % 10 as text)
        else {{ medal_name }}
    end
{%- endmacro %}
