{#
    What every incremental model runs before and after its build, in the transaction of its data; `dbt_project.yml`
    names them once for all. A model says in its config's meta what it hangs on:

      - `facts`: models with a feed whose changes it reads (`has_feed: true` there);
      - `changes`: a view that lists changes of staging, one row a change: key, staging_table, batch_id;
      - `change_key`: the columns that say what is recomputed together (strategy `changed_keys`), and `key_in`: by
        name of a fact, what these columns are there where they are named otherwise, or none where `touches` finds the
        keys of its changes;
      - `touches`: a macro that selects further keys;
      - `reference`: a macro that returns the small relations that every row hangs on (`reference.sql`);
      - `windows`: lengths of windows in days, and the totals by day that they sum (`as_of_date.sql`);
      - `hangs_on_date`: another as_of_date recomputes everything;
      - `counts`, `latest`: see `signed_deltas.sql`.
#}
{% macro before_build() %}
    {% if execute and has_feeds() %}
        {%- set meta = config.get('meta') or {} -%}
        {{ collect_changes() if meta.get('change_key') }}
        {{ number_change() ~ ';' ~ trim_feed() if meta.get('has_feed') }}
    {% endif %}
{% endmacro %}

{% macro after_build() %}
    {% if execute and has_feeds() %}
        {%- set meta = config.get('meta') or {} -%}
        {{ record_positions() }}
        {{ record_batches() if meta.get('changes') }}
        {{ record_reference() if meta.get('reference') }}
        {{ record_as_of_date() if meta.get('windows') or meta.get('hangs_on_date') }}
        {{ start_feed() ~ analyze_feed() if meta.get('has_feed') }}
        {%- do report_rows_written() -%}
    {% endif %}
    {%- set sample = keep_sample() -%}
    {{ sample ~ ';' if sample | trim }}
    {{ analyze_rebuilt() }}
{% endmacro %}


{#
    Log how many rows the model's transaction has written; `ladder` builds nothing that reads a table without a changed
    row. These are the counts of this transaction, which no statistics collector delays.
#}
{% macro report_rows_written() -%}
    {%- set written = run_query(
        "select pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)"
        ~ " + pg_stat_get_xact_tuples_deleted(oid) from (select cast('" ~ this ~ "' as regclass) as oid) as built"
    ).rows[0][0] -%}
    {%- do log('rows written: ' ~ written) -%}
{%- endmacro %}


{#
    Whether the model being built reads only what changed since it was built last, and merges that into what stands.
    Otherwise it is computed whole: from nothing, where it knows no position in what it reads, or where what every row
    hangs on has changed. On an engine without feeds it is always computed whole.

    The answer is kept in `model`, which lives as long as the build of the model: it is needed many times, and by
    the end of the build the positions are others.
#}
{% macro reads_deltas() -%}
    {#- A unit test knows no table of the model. -#}
    {%- if not execute or this is none or not has_feeds() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- if 'reads_deltas' not in model -%}
        {%- do model.update({'reads_deltas': is_incremental() and stands_on_what_it_read()}) -%}
    {%- endif -%}
    {{ return(model['reads_deltas']) }}
{%- endmacro %}

{% macro stands_on_what_it_read() -%}
    {%- set meta = config.get('meta') -%}
    {%- for name in meta.get('facts', []) if position_in(ref(name)) is none -%}
        {{ return(false) }}
    {%- endfor -%}
    {%- if meta.get('reference') and reference_changed() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- if meta.get('hangs_on_date') and as_of_date_changed() -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(true) }}
{%- endmacro %}


{#
    Tell dbt what a model reads in its hooks, or only when it reads changes, so that it is built before: both are known
    at run time, which is too late. Arguments: names of models, and as `macros` names of macros that read.
#}
{% macro hooks_read() %}
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
    Rows of a table without a feed are updated in place: with room on its page a row's new version needs no new index
    entries (a HOT update). dbt asks for this when it creates a table under a contract.
#}
{% macro postgres__get_table_columns_and_constraints() -%}
    {{ table_columns_and_constraints() }}
    {{- " with (fillfactor = 80)" if not config.get('meta', {}).get('has_feed') }}
{%- endmacro %}


{#
    The end of a model whose rows should stand in this order: what is read, or changes, together shares pages. It holds
    for a table built from nothing; later builds update in place and add at the end.
#}
{% macro stored_by() -%}
    {{ "order by " ~ varargs | join(", ") if not reads_deltas() }}
{%- endmacro %}
