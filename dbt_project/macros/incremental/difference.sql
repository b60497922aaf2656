{#
    The incremental strategy `difference`: recomputes the whole model and writes only the rows that differ, so that a
    build without changes writes nothing. For models that are small or depend on all rows (a board, a percentile, a
    dimension).
#}
{% macro get_incremental_difference_sql(arg_dict) %}
    {{ apply_difference(
        arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'],
        arg_dict['dest_columns'] | map(attribute='name') | list
    ) }}
{% endmacro %}


{#
    Statements that make a table equal to the computed rows, writing only differences.

    among: key columns, if only the rows of changed keys were computed; none for all rows.
#}
{% macro apply_difference(target_relation, computed, key, columns, among=none) %}
    {%- set has_feed = config.get('meta', {}).get('has_feed') and has_feeds() -%}
    {%- set delete_stale_rows -%}
    delete from {{ target_relation }} as existing
    where
        {%- if among %}
        ({{ among | join(', ') }}) in (select {{ among | join(', ') }} from {{ changed_keys() }})
        and
        {%- endif %}
        not exists (
            select 1 from {{ computed }} as computed
            where {{ same_key('computed', 'existing', key) }}
                {%- if has_feed %} and {{ same_row('computed', 'existing', columns) }}{% endif %}
        )
    {%- endset -%}
    analyze {{ computed }};
    {% if has_feed -%}
    {#- A feed needs the old and the new image of a changed row, so the row is deleted and inserted again. -#}
    {{ write_feed(delete_stale_rows, -1, columns) }};
    {{ write_feed(insert_missing_rows(target_relation, computed, key, columns), 1, columns) }}
    {%- else -%}
    {{ delete_stale_rows }};
    {{ upsert_rows(target_relation, computed, key, columns) }}
    {%- endif %}
{% endmacro %}

{# A statement that inserts the computed rows with new keys. #}
{% macro insert_missing_rows(target_relation, computed, key, columns) -%}
    insert into {{ target_relation }} ({{ columns | join(', ') }})
    select {{ columns | join(', ') }} from {{ computed }} as computed
    where not exists (
        select 1 from {{ target_relation }} as existing where {{ same_key('computed', 'existing', key) }}
    )
{%- endmacro %}

{# A statement that inserts the computed rows with new keys and updates those that differ. #}
{% macro upsert_rows(target_relation, computed, key, columns) -%}
    {%- set others = columns | reject('in', key) | list -%}
    merge into {{ target_relation }} as existing
    using {{ computed }} as computed
    on {{ same_key('computed', 'existing', key) }}
    {%- if others %}
    when matched and not ({{ same_row('computed', 'existing', others) }}) then update set
        {% for column in others %}{{ column }} = computed.{{ column }}{{ ", " if not loop.last }}{% endfor %}
    {%- endif %}
    when not matched then insert ({{ columns | join(', ') }})
    values ({% for column in columns %}computed.{{ column }}{{ ", " if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro same_key(left, right, key) -%}
    {% for column in key %}{{ left }}.{{ column }} = {{ right }}.{{ column }}{{ " and " if not loop.last }}{% endfor %}
{%- endmacro %}
