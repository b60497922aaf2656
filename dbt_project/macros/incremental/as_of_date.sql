{#
    Windows hang on the as_of_date of a build, and its advance is a change like any other: days leave a window and
    enter one. A model notes the date it was built with beside its other positions, as days since 2000.
#}
{% macro as_of_days() -%}
    (select coalesce({{ days_between("date '2000-01-01'", 'as_of_date') }}, -1) from {{ ref('int_as_of_date') }})
{%- endmacro %}


{# Post-hook: note the date. #}
{% macro record_as_of_date() %}
    {% if has_feeds() %}
        insert into {{ source('ops', 'watermarks') }} as standing (colour, model, staging_table, batch_id)
        select '{{ colour() }}', '{{ model.name }}', 'int_as_of_date', {{ as_of_days() }}
        on conflict (colour, model, staging_table) do update set batch_id = excluded.batch_id
        where standing.batch_id <> excluded.batch_id
    {% endif %}
{% endmacro %}


{# Pre-hook, after `collect_touched`: the keys that have a day which left a window or entered one. #}
{% macro collect_shifted(days, windows) %}
    {% if reads_deltas() %}
        {%- set key = config.get('meta')['change_key'] | join(', ') %}
        insert into {{ changed_keys() }}
        select distinct {{ key }}
        from {{ days }} as days
        cross join (
            select
                {{ as_of_days() }} as now,
                (
                    select batch_id from {{ source('ops', 'watermarks') }}
                    where colour = '{{ colour() }}' and model = '{{ model.name }}' and staging_table = 'int_as_of_date'
                ) as before
        ) as dates
        where dates.now <> dates.before
            and days.played_date >= date '2000-01-01' + cast(least(dates.now, dates.before) as integer) - {{ windows | max }}
            and (
                {%- for window in windows %}
                (days.played_date - date '2000-01-01' between dates.now - {{ window - 1 }} and dates.now)
                <> (days.played_date - date '2000-01-01' between dates.before - {{ window - 1 }} and dates.before)
                {{ "or" if not loop.last }}
                {%- endfor %}
            )
    {% endif %}
{% endmacro %}
