{#
    Hooks of every incremental model, in the transaction of its data; `dbt_project.yml` configures them once. A model
    names its dependencies in the `meta` of its config:

      - `facts`: models with a change feed (`has_feed: true`) that it reads;
      - `changes`: a view of changes of staging tables, one row per change: key, staging_table, batch_id;
      - `change_key`: columns that identify the rows that are recomputed together (strategy `changed_keys`);
      - `key_expressions`: by name of a fact, the expressions for these columns in the fact, if they have other names
        there; none if `extra_keys` finds the keys of its changes;
      - `extra_keys`: a macro that selects further keys;
      - `reference`: a macro that returns the small relations that every row depends on (`reference.sql`);
      - `windows`: lengths of rolling windows in days, and the totals by day that they sum (`as_of_date.sql`);
      - `depends_on_as_of_date`: a new as_of_date recomputes the whole model;
      - `count_column`, `max_columns`: see `signed_deltas.sql`.
#}
{% macro before_build() %}
    {% if execute and has_feeds() %}
        {%- set meta = config.get('meta') or {} -%}
        {{ collect_changes() if meta.get('change_key') }}
        {{ assign_change_id() ~ ';' ~ trim_feed() if meta.get('has_feed') }}
    {% endif %}
{% endmacro %}

{% macro after_build() %}
    {% if execute and has_feeds() %}
        {%- set meta = config.get('meta') or {} -%}
        {{ record_feed_positions() }}
        {{ record_batches() if meta.get('changes') }}
        {{ record_reference() if meta.get('reference') }}
        {{ record_as_of_date() if meta.get('windows') or meta.get('depends_on_as_of_date') }}
        {{ create_feed() ~ analyze_feed() if meta.get('has_feed') }}
        {%- do report_rows_written() -%}
    {% endif %}
    {%- set sample = apply_sample() -%}
    {{ sample ~ ';' if sample | trim }}
    {{ analyze_rebuilt() }}
{% endmacro %}


{#
    Log how many rows the model's transaction has written; `ladder` runs no model that reads an unchanged table. The
    counters are those of this transaction and need no statistics of finished ones.
#}
{% macro report_rows_written() -%}
    {%- set written = run_query(
        "select pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)"
        ~ " + pg_stat_get_xact_tuples_deleted(oid) from (select cast('" ~ this ~ "' as regclass) as oid) as built"
    ).rows[0][0] -%}
    {%- do log('rows written: ' ~ written) -%}
{%- endmacro %}


{#
    Whether this build reads only changes and merges them into the existing table. Otherwise the whole model is
    computed: in a full refresh, without a valid watermark for an input, after a change of reference data, and on
    engines without feeds.

    The result is cached in `model` for this build: it is needed many times, and the hooks move the watermarks before
    the end.
#}
{% macro reads_deltas() -%}
    {#- A unit test has no table of the model. -#}
    {%- if not execute or this is none or not has_feeds() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- if 'reads_deltas' not in model -%}
        {%- do model.update({'reads_deltas': is_incremental() and watermarks_are_valid()}) -%}
    {%- endif -%}
    {{ return(model['reads_deltas']) }}
{%- endmacro %}

{# Whether the watermarks of the model allow it to read changes only. #}
{% macro watermarks_are_valid() -%}
    {%- set meta = config.get('meta') -%}
    {%- for name in meta.get('facts', []) if feed_position(ref(name)) is none -%}
        {{ return(false) }}
    {%- endfor -%}
    {%- if meta.get('reference') and reference_changed() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- if meta.get('depends_on_as_of_date') and as_of_date_changed() -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(true) }}
{%- endmacro %}


{#
    Declare what a model reads in its hooks, or only when it reads changes. dbt needs these dependencies when it parses,
    but the `ref` calls run later.

    Arguments: names of models; as `macros`, names of macros that call `ref`.
#}
{% macro depends_on_in_hooks() %}
    {%- if not execute -%}
        {%- for name in varargs -%}
            {%- do ref(name) -%}
        {%- endfor -%}
        {%- for name in kwargs.get('macros', []) -%}
            {%- do context[name]() -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{#
    Storage parameters of a table under contract. Rows of a table without a feed are updated: with free space on the
    page the new version needs no index entries (HOT update).
#}
{% macro postgres__get_table_columns_and_constraints() -%}
    {{ table_columns_and_constraints() }}
    {{- " with (fillfactor = 80)" if not config.get('meta', {}).get('has_feed') }}
{%- endmacro %}


{#
    An ORDER BY at the end of a model that clusters the table: rows that are read or changed together share pages. It
    applies to full refreshes; later builds update rows and append.
#}
{% macro cluster_by() -%}
    {{ "order by " ~ varargs | join(", ") if not reads_deltas() }}
{%- endmacro %}
