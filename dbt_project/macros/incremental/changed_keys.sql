{#
    The incremental strategy `changed_keys`: recomputes the rows of changed keys. Before the build `collect_changes`
    writes the keys that changed in any input since the last build to a temporary table. The model selects the current
    rows of these keys (`only_changed`). The strategy deletes existing rows that differ or no longer exist, and inserts
    missing rows; equal rows are not written. The old key of a corrected row is found through its old image in the feed.
#}

{# Name of the temporary table of changed keys, which exists until the end of the model's transaction. #}
{% macro changed_keys() -%}
    {{ model.name }}__changed
{%- endmacro %}


{# Create the temporary table: changed keys, and the newest batch of each staging table. #}
{% macro collect_changes() %}
    {%- set meta = config.get('meta') -%}
    {%- set key = meta['change_key'] -%}
    {%- set parts = [] -%}
    {%- if meta.get('changes') -%}
        {%- set columns = (key if reads_deltas() else []) + ['staging_table'] -%}
        {%- set batches -%}
        select {{ columns | join(', ') }}, max(batch_id) as batch_id
        from {{ ref(meta['changes']) }}
        {{ "where batch_id > " ~ watermark('staging_table') if reads_deltas() }}
        group by {{ columns | join(', ') }}
        {%- endset -%}
        {%- do parts.append(batches) -%}
    {%- endif -%}
    {%- if reads_deltas() -%}
        {%- set keys = [] -%}
        {%- for name in meta.get('facts', []) -%}
            {%- set expressions = meta.get('key_expressions', {}).get(name, key) -%}
            {%- if expressions -%}
                {%- set touched -%}
                select
                    {%- for column in key %}
                    {{ expressions[loop.index0] }} as {{ column }}{{ "," if not loop.last }}
                    {%- endfor %}
                from {{ changes_in(ref(name)) }}
                {%- endset -%}
                {%- do keys.append(touched) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if meta.get('extra_keys') -%}
            {%- do keys.append(context[meta['extra_keys']]()) -%}
        {%- endif -%}
        {%- if meta.get('windows') -%}
            {%- do keys.append(shifted_keys(key, ref(meta['windows']['totals']), meta['windows']['lengths'])) -%}
        {%- endif -%}
        {%- if keys -%}
            {%- set touched -%}
            select {{ key | join(', ') }}, cast(null as text) as staging_table, cast(null as bigint) as batch_id
            from (
                {{ keys | join('\n union \n') }}
            ) as touched
            {%- endset -%}
            {%- do parts.append(touched) -%}
        {%- endif -%}
    {%- endif -%}
    {%- if parts -%}
    create temporary table {{ changed_keys() }} on commit drop as
    {{ parts | join('\n union all \n') }};
    analyze {{ changed_keys() }};
    {%- endif -%}
{% endmacro %}


{#
    The newest batch of a staging table that the model has read; -1 for a table that it never read. A literal, so that
    the planner estimates how few rows are newer.
#}
{% macro watermark(staging_table) -%}
    {%- set rows = run_query(
        "select relation, read_up_to from " ~ source('ops', 'watermarks')
        ~ " where colour = '" ~ colour() ~ "' and model = '" ~ model.name ~ "' and relation like 'staging_%'"
    ).rows -%}
    {%- if rows -%}
        case {{ staging_table }}{% for row in rows %} when '{{ row[0] }}' then {{ row[1] }}{% endfor %} else -1 end
    {%- else -%}
        -1
    {%- endif -%}
{%- endmacro %}


{#
    A condition that filters a relation to the changed keys, for an index look-up; true if the whole model is
    recomputed.

    columns: columns of the relation.
    key: the same columns in the model's `change_key`, if they have other names there.
#}
{% macro only_changed(columns, key=none) -%}
    {%- if reads_deltas() -%}
    ({{ columns | join(', ') }}) in (select {{ (key or columns) | join(', ') }} from {{ changed_keys() }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{# The same for a staging view with numeric ids: `column` of the view is `key` in the model's `change_key`. #}
{% macro only_changed_in(game_name, column, key) -%}
    {%- if reads_deltas() -%}
    {{ column }} in (select cast({{ key }} as bigint) from {{ changed_keys() }} where game = {{ game(game_name) }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{# The strategy. #}
{% macro get_incremental_changed_keys_sql(arg_dict) %}
    {{ apply_difference(
        arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'],
        arg_dict['dest_columns'] | map(attribute='name') | list,
        among=config.get('meta')['change_key'] if reads_deltas() else none
    ) }}
{% endmacro %}


{# Store the newest batches as watermarks, in the transaction of the data. #}
{% macro record_batches() %}
    {%- set watermarks = source('ops', 'watermarks') -%}
    {% if not is_incremental() %}
        delete from {{ watermarks }}
        where colour = '{{ colour() }}' and model = '{{ model.name }}' and relation like 'staging_%';
    {% endif %}
    insert into {{ watermarks }} as existing (colour, model, relation, read_up_to)
    select '{{ colour() }}', '{{ model.name }}', staging_table, max(batch_id)
    from {{ changed_keys() }}
    where staging_table is not null
    group by staging_table
    on conflict (colour, model, relation) do update set read_up_to = excluded.read_up_to
    where existing.read_up_to <> excluded.read_up_to;
{% endmacro %}
