{#
    The change feed of a fact: rows that incremental builds deleted (`_sign` -1) and inserted (1), by `_change_id`. A
    reader with a watermark needs only the later changes.

    The feed is a table in `prep`, one per colour, and is created with its fact. A reader stores the identity of the
    fact's table with its watermark (`epoch`), and reads the whole fact if the table was replaced. Engines without feeds
    always read the whole fact, so that the same model is a plain table build there. So do the targets `scratch`, which
    is compared with incremental builds, and `dev`.
#}
{% macro feed_of(fact) -%}
    {{ target.schema }}.{{ fact.identifier }}__feed_{{ colour() }}
{%- endmacro %}

{% macro has_feeds() -%}
    {{ return(colour() not in ('scratch', 'dev') and adapter.dispatch('has_feeds')()) }}
{%- endmacro %}

{% macro default__has_feeds() -%}
    {{ return(false) }}
{%- endmacro %}

{% macro postgres__has_feeds() -%}
    {{ return(true) }}
{%- endmacro %}


{# Identity of a table (its OID); a full refresh creates a table with another one. #}
{% macro epoch_of(fact) -%}
    cast(cast('{{ fact }}' as regclass) as bigint)
{%- endmacro %}


{# Create an empty feed after a full refresh. #}
{% macro create_feed() %}
    {% if not is_incremental() %}
        drop table if exists {{ feed_of(this) }};
        create table {{ feed_of(this) }} as
        select cast(0 as bigint) as _change_id, cast(0 as smallint) as _sign, fact.* from {{ this }} as fact limit 0;
        alter table {{ feed_of(this) }} alter column _change_id set not null, alter column _sign set not null;
        create index on {{ feed_of(this) }} (_change_id);
    {% endif %}
{% endmacro %}


{# Assign the `_change_id` of this build. #}
{% macro assign_change_id() -%}
    select set_config('ladder.change_id', cast(nextval('ops.change_ids') as text), true)
{%- endmacro %}


{# A statement that deletes (-1) or inserts (1) rows and writes them to the feed of the model, if it has one. #}
{% macro write_feed(statement, sign, columns) %}
    {%- if has_feeds() and config.get('meta').get('has_feed') -%}
    with changed_rows as (
        {{ statement }}
        returning {{ columns | join(', ') }}
    )
    insert into {{ feed_of(this) }} (_change_id, _sign, {{ columns | join(', ') }})
    select cast(current_setting('ladder.change_id') as bigint), {{ sign }}, {{ columns | join(', ') }} from changed_rows
    {%- else -%}
    {{ statement }}
    {%- endif -%}
{% endmacro %}


{# Delete the changes that all readers have read; only before new ones, since a build without changes writes nothing. #}
{% macro trim_feed() %}
    {% if reads_deltas() %}
        delete from {{ feed_of(this) }}
        where _change_id <= (
            select min(read_up_to) from {{ source('ops', 'watermarks') }}
            where colour = '{{ colour() }}' and relation = '{{ this.identifier }}' and epoch = {{ epoch_of(this) }}
        )
            and exists (select 1 from {{ changed_keys() }});
    {% endif %}
{% endmacro %}


{#
    ANALYZE of the feed if this build added changes. Otherwise readers would join thousands of rows with a plan for one,
    because the histogram ends with the previous change.
#}
{% macro analyze_feed() %}
    {% if is_incremental() %}
        {%- set added = run_query(
            "select 1 from " ~ feed_of(this)
            ~ " where _change_id = cast(current_setting('ladder.change_id') as bigint) limit 1"
        ).rows -%}
        {{ 'analyze ' ~ feed_of(this) ~ ';' if added }}
    {% endif %}
{% endmacro %}


{# The last change of a fact's feed that the model has read; none if it has no valid watermark for this feed. #}
{% macro feed_position(fact) -%}
    {%- set found = run_query(
        "select read_up_to from " ~ source('ops', 'watermarks') ~ " where colour = '" ~ colour() ~ "' and model = '"
        ~ model.name ~ "' and relation = '" ~ fact.identifier ~ "' and epoch = " ~ epoch_of(fact)
    ).rows -%}
    {{ return(found[0][0] if found else none) }}
{%- endmacro %}


{# Changes of a fact since the last build of the model. #}
{% macro changes_in(fact) -%}
    (select * from {{ feed_of(fact) }} where _change_id > {{ feed_position(fact) }}) as changes
{%- endmacro %}

{# Rows of a fact with signs: changes since the last build, or all rows with sign 1 if the model is recomputed. #}
{% macro signed(fact) -%}
    {%- if reads_deltas() -%}
    {{ changes_in(fact) }}
    {%- else -%}
    (select *, 1 as _sign from {{ fact }}) as existing
    {%- endif -%}
{%- endmacro %}


{# Store the ends of the feeds as watermarks of the model. #}
{% macro record_feed_positions() %}
    {%- for name in config.get('meta').get('facts', []) %}
    {%- set fact = ref(name) %}
    insert into {{ source('ops', 'watermarks') }} as existing (colour, model, relation, read_up_to, epoch)
    select
        '{{ colour() }}', '{{ model.name }}', '{{ fact.identifier }}',
        coalesce((select max(_change_id) from {{ feed_of(fact) }}), 0), {{ epoch_of(fact) }}
    on conflict (colour, model, relation) do update set read_up_to = excluded.read_up_to, epoch = excluded.epoch
    where existing.epoch <> excluded.epoch or existing.read_up_to < excluded.read_up_to;
    {%- endfor %}
{% endmacro %}
