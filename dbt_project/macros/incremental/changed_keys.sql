{#
    The incremental strategy `changed_keys`: exact, by what changed.

    A model hands its hooks the relation that lists changes of staging (`changes`: one row a change, with the change key,
    staging_table and batch_id) and what else its rows hang on (`reference`, see `reference.sql`), and names in its
    config's meta the columns that say what is recomputed together (`change_key`). Then, all in the model's one
    transaction:
      - `collect_changes` (pre-hook) notes the keys changed since the watermarks in a temporary table; with changed
        reference data, all keys;
      - the model selects the rows of these keys, from staging as it stands now;
      - `get_incremental_changed_keys_sql` takes away rows of these keys that differ or are gone, and adds those that
        lack;
      - `record_progress` (post-hook) moves the watermarks.
    A key whose row was corrected is found by its old image in the feed. Rows that came out equal are not written.

    A model over facts (meta `facts`) notes the keys of their feeds instead (`collect_touched`), selects the rows of
    these keys from the additive layer (`only_touched`), and moves on with `record_positions`. Where it holds none of a
    feed, it is computed whole, and the difference is written.
#}

{# Name of the temporary table of changed keys; it lives as long as the model's transaction. #}
{% macro changed_keys() -%}
    {{ model.name }}__changed
{%- endmacro %}


{# Pre-hook: note what changed. #}
{% macro collect_changes(changes, reference) %}
    {%- set key = config.get('meta')['change_key'] | join(', ') -%}
    create temporary table {{ changed_keys() }} on commit drop as
    {% if is_incremental() and not reference_changed(reference) %}
        select {{ key }}, staging_table, max(batch_id) as batch_id
        from {{ changes }}
        where batch_id > {{ watermark('staging_table') }}
        group by {{ key }}, staging_table
    {% elif is_incremental() %}
        select {{ key }}, staging_table, max(batch_id) as batch_id
        from {{ changes }}
        group by {{ key }}, staging_table
    {% else %}
        select staging_table, max(batch_id) as batch_id
        from {{ changes }}
        group by staging_table
    {% endif %};
    analyze {{ changed_keys() }}
{% endmacro %}


{#
    The newest batch of a staging table that the model holds; -1 for a table it never read. Literals, so that the
    planner can tell how few rows are newer.
#}
{% macro watermark(staging_table) -%}
    {%- set rows = [] -%}
    {%- if execute -%}
        {%- set rows = run_query(
            "select staging_table, batch_id from " ~ source('ops', 'watermarks')
            ~ " where colour = '" ~ colour() ~ "' and model = '" ~ model.name ~ "'"
        ).rows -%}
    {%- endif -%}
    {%- if rows -%}
        case {{ staging_table }}{% for row in rows %} when '{{ row[0] }}' then {{ row[1] }}{% endfor %} else -1 end
    {%- else -%}
        -1
    {%- endif -%}
{%- endmacro %}


{#
    Pre-hook of a model over facts: note the keys that their feeds touch.

    expressions: what a column of the key is in the facts, where it is not the column itself.
#}
{% macro collect_touched(expressions={}) %}
    {% if reads_deltas() %}
        create temporary table {{ changed_keys() }} on commit drop as
        {%- for name in config.get('meta')['facts'] %}
        {%- set fact = ref(name) %}
        select
            {%- for column in config.get('meta')['change_key'] %}
            {{ expressions.get(column, column) }} as {{ column }}{{ "," if not loop.last }}
            {%- endfor %}
        from {{ feed_of(fact) }}
        where _change_id > {{ position_in(fact) }}
        {{ 'union' if not loop.last }}
        {%- endfor %};
        analyze {{ changed_keys() }}
    {% endif %}
{% endmacro %}

{# A condition that narrows a relation of the additive layer to the touched keys; all of it, computed whole. #}
{% macro only_touched(key) -%}
    {%- if reads_deltas() -%}
    ({{ key | join(', ') }}) in (
        select {% for column in key %}{{ column.split('.') | last }}{{ ", " if not loop.last }}{% endfor %}
        from {{ changed_keys() }}
    )
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{# The strategy: apply the difference between the recomputed rows and those that stand. #}
{% macro get_incremental_changed_keys_sql(arg_dict) %}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set recomputed = arg_dict['temp_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | list -%}
    {%- set meta = config.get('meta') -%}
    {%- set change_key = meta['change_key'] | join(', ') -%}
    {%- if 'facts' in meta and not reads_deltas() -%}
    {{ apply_difference(target, recomputed, arg_dict['unique_key'], columns) }}
    {%- else -%}
    {%- set gone -%}
    delete from {{ target }} as standing
    where ({{ change_key }}) in (select {{ change_key }} from {{ changed_keys() }})
        and not exists (
            select 1 from {{ recomputed }} as recomputed
            where {{ same_key('recomputed', 'standing', arg_dict['unique_key']) }}
                and {{ same_row('recomputed', 'standing', columns) }}
        )
    {%- endset -%}
    {%- set added -%}
    insert into {{ target }} ({{ columns | join(', ') }})
    select {{ columns | join(', ') }} from {{ recomputed }} as recomputed
    where not exists (
        select 1 from {{ target }} as standing
        where {{ same_key('recomputed', 'standing', arg_dict['unique_key']) }}
    )
    {%- endset -%}
    {{ feeding(gone, -1, columns) }};
    {{ feeding(added, 1, columns) }}
    {%- endif -%}
{% endmacro %}

{% macro same_key(left, right, key) -%}
    {% for column in key %}{{ left }}.{{ column }} = {{ right }}.{{ column }}{{ " and " if not loop.last }}{% endfor %}
{%- endmacro %}


{# Post-hook: move the watermarks, in the transaction of the data they tell of. #}
{% macro record_progress(reference) %}
    {%- set watermarks = source('ops', 'watermarks') -%}
    {% if not is_incremental() %}
        delete from {{ watermarks }} where colour = '{{ colour() }}' and model = '{{ model.name }}';
    {% endif %}
    insert into {{ watermarks }} (colour, model, staging_table, batch_id)
    select '{{ colour() }}', '{{ model.name }}', staging_table, max(batch_id)
    from {{ changed_keys() }}
    group by staging_table
    on conflict (colour, model, staging_table) do update set batch_id = excluded.batch_id;
    {{ record_reference(reference) }}
{% endmacro %}
