{#
    Rolling windows end on the `as_of_date` of the build. A new date is a change: days leave and enter the windows. A
    model stores the date of its build as a watermark, in days since 2000-01-01.
#}
{% macro as_of_days() -%}
    (select coalesce({{ days_between("date '2000-01-01'", 'as_of_date') }}, -1) from {{ ref('int_as_of_date') }})
{%- endmacro %}

{% macro as_of_days_before() -%}
    (
        select read_up_to from {{ source('ops', 'watermarks') }}
        where colour = '{{ colour() }}' and model = '{{ model.name }}' and relation = 'int_as_of_date'
    )
{%- endmacro %}

{% macro as_of_date_changed() -%}
    {{ return(run_query("select " ~ as_of_days() ~ " is distinct from " ~ as_of_days_before()).rows[0][0]) }}
{%- endmacro %}


{# Store the date. #}
{% macro record_as_of_date() %}
    insert into {{ source('ops', 'watermarks') }} as existing (colour, model, relation, read_up_to)
    select '{{ colour() }}', '{{ model.name }}', 'int_as_of_date', {{ as_of_days() }}
    on conflict (colour, model, relation) do update set read_up_to = excluded.read_up_to
    where existing.read_up_to <> excluded.read_up_to;
{% endmacro %}


{# The keys with a day that left or entered a window since the last build. #}
{% macro shifted_keys(key, totals, lengths) %}
    select distinct {{ key | join(', ') }}
    from {{ totals }} as days
    cross join (select {{ as_of_days() }} as now, {{ as_of_days_before() }} as before) as dates
    where dates.now <> dates.before
        and days.played_date
            >= date '2000-01-01' + cast(least(dates.now, dates.before) as integer) - {{ lengths | max }}
        and (
            {%- for length in lengths %}
            (days.played_date - date '2000-01-01' between dates.now - {{ length - 1 }} and dates.now)
            <> (days.played_date - date '2000-01-01' between dates.before - {{ length - 1 }} and dates.before)
            {{ "or" if not loop.last }}
            {%- endfor %}
        )
{% endmacro %}
