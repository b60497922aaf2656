{#
    Seconds between two times in seconds since 1970; null beyond a week, so that an absurd value gives no duration and
    cannot fail a build.
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
