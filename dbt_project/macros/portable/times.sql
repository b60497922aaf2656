{#
    A timestamp from seconds since 1970; null before 1970 and after 2099, so that an absurd value cannot fail a build.
#}
{% macro timestamp_from_epoch(seconds) -%}
    {{ adapter.dispatch('timestamp_from_epoch')(seconds) }}
{%- endmacro %}

{% macro postgres__timestamp_from_epoch(seconds) -%}
    case when {{ seconds }} between 0 and 4102444799 then to_timestamp({{ seconds }}) end
{%- endmacro %}


{#
    A timestamp from an ISO 8601 text in UTC; null for other texts, so that a malformed value cannot fail a build.
#}
{% macro timestamp_from_iso(text) -%}
    {{ adapter.dispatch('timestamp_from_iso')(text) }}
{%- endmacro %}

{#- PostgreSQL 15 has no cast that returns null on error, so the pattern matches valid calendar days only. -#}
{% macro postgres__timestamp_from_iso(text) -%}
    {%- set of_31 = '(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])' -%}
    {%- set of_30 = '(0[469]|11)-(0[1-9]|[12][0-9]|30)' -%}
    {%- set of_28 = '02-(0[1-9]|1[0-9]|2[0-8])' -%}
    {%- set leap_year = '((19|20)(0[48]|[2468][048]|[13579][26])|2000)' -%}
    {%- set day = '((19|20)[0-9]{2}-(' ~ of_31 ~ '|' ~ of_30 ~ '|' ~ of_28 ~ ')|' ~ leap_year ~ '-02-29)' -%}
    case
        when {{ text }} ~ '^{{ day }}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+]00:?00)$'
            then cast({{ text }} as timestamp with time zone)
    end
{%- endmacro %}


{# The day of a timestamp in UTC, whatever the time zone of the session. #}
{% macro utc_date(time) -%}
    cast({{ time }} at time zone 'UTC' as date)
{%- endmacro %}


{# The start of a day in UTC. #}
{% macro start_of_day(date) -%}
    cast({{ date }} as timestamp) at time zone 'UTC'
{%- endmacro %}


{# The current day in UTC. #}
{% macro today() -%}
    {{ utc_date(dbt.current_timestamp()) }}
{%- endmacro %}


{# A date plus a number of days, as a date. #}
{% macro add_days(date, days) -%}
    cast({{ dbt.dateadd('day', days, date) }} as date)
{%- endmacro %}


{# Number of days from one date to another. #}
{% macro days_between(from_date, to_date) -%}
    {{ dbt.datediff(from_date, to_date, 'day') }}
{%- endmacro %}
