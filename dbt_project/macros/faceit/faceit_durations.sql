{#
    Seconds between two moments given in seconds since 1970; null beyond a week, so that absurd numbers give no length
    and stop no build.
#}
{% macro faceit_duration(started_at, finished_at) -%}
    case
        when {{ started_at }} between 0 and 4102444799
            then case
                    when {{ finished_at }} between {{ started_at }} + 1 and {{ started_at }} + 604800
                        then cast({{ finished_at }} - {{ started_at }} as integer)
                end
    end
{%- endmacro %}
