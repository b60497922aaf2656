{#
    The incremental strategy `difference`: computed whole each time, for what is small or hangs on everything (a board,
    a percentile, a dimension); only rows that differ are written, so that a build with nothing new writes nothing.
#}
{% macro get_incremental_difference_sql(arg_dict) %}
    {{ apply_difference(
        arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'],
        arg_dict['dest_columns'] | map(attribute='quoted') | list
    ) }}
{% endmacro %}


{#
    Bring a table to what was computed, writing only what differs, and telling its feed.

    among: columns of the changed keys, where only their rows were computed; none for all rows.
#}
{% macro apply_difference(target_relation, computed, key, columns, among=none) %}
    {%- set gone -%}
    delete from {{ target_relation }} as standing
    where
        {%- if among %}
        ({{ among | join(', ') }}) in (select {{ among | join(', ') }} from {{ changed_keys() }})
        and
        {%- endif %}
        not exists (
            select 1 from {{ computed }} as computed
            where {{ same_key('computed', 'standing', key) }} and {{ same_row('computed', 'standing', columns) }}
        )
    {%- endset -%}
    {%- set added -%}
    insert into {{ target_relation }} ({{ columns | join(', ') }})
    select {{ columns | join(', ') }} from {{ computed }} as computed
    where not exists (
        select 1 from {{ target_relation }} as standing where {{ same_key('computed', 'standing', key) }}
    )
    {%- endset -%}
    analyze {{ computed }};
    {{ feeding(gone, -1, columns) }};
    {{ feeding(added, 1, columns) }}
{% endmacro %}

{% macro same_key(left, right, key) -%}
    {% for column in key %}{{ left }}.{{ column }} = {{ right }}.{{ column }}{{ " and " if not loop.last }}{% endfor %}
{%- endmacro %}
