{#
    A fact's feed: the rows that its incremental builds took away (`_sign` -1) and put in (1), by `_change_id`. A model
    that has read the feed up to some change needs the rest of it and nothing else.

    The table stands in `prep`, one a colour, beside its fact, and is made anew with it: a reader notes which table its
    position belongs to (`epoch`), and reads the whole fact when that is gone. An engine without feeds reads the whole
    fact always, so that the same model is a plain table build there; so do the targets `scratch`, which is compared
    with what was built on, and `dev`.
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


{# Identity of a built table; a rebuilt one has another. #}
{% macro epoch_of(fact) -%}
    cast(cast('{{ fact }}' as regclass) as bigint)
{%- endmacro %}


{# After a build from nothing: an empty feed. #}
{% macro create_feed() %}
    {% if not is_incremental() %}
        drop table if exists {{ feed_of(this) }};
        create table {{ feed_of(this) }} as
        select cast(0 as bigint) as _change_id, cast(0 as smallint) as _sign, fact.* from {{ this }} as fact limit 0;
        alter table {{ feed_of(this) }} alter column _change_id set not null, alter column _sign set not null;
        create index on {{ feed_of(this) }} (_change_id);
    {% endif %}
{% endmacro %}


{# The number of the change that this build makes. #}
{% macro assign_change_id() -%}
    select set_config('ladder.change_id', cast(nextval('ops.change_ids') as text), true)
{%- endmacro %}


{# A statement that takes rows away (-1) or puts them in (1), telling the feed of the table where it has one. #}
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


{# Forget what every reader has read, when something is about to be added: a build with nothing new writes nothing. #}
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
    Statistics for what this build has added, or its readers would join thousands of rows as if they were one: the
    histogram ends with the change before.
#}
{% macro analyze_feed() %}
    {% if is_incremental() %}
        {%- set added = run_query(
            "select 1 from " ~ feed_of(this) ~ " where _change_id = cast(current_setting('ladder.change_id') as bigint) limit 1"
        ).rows -%}
        {{ 'analyze ' ~ feed_of(this) ~ ';' if added }}
    {% endif %}
{% endmacro %}


{# The last change of a fact's feed that the model being built holds; none where it holds none of this feed. #}
{% macro feed_position(fact) -%}
    {%- set found = run_query(
        "select read_up_to from " ~ source('ops', 'watermarks') ~ " where colour = '" ~ colour() ~ "' and model = '"
        ~ model.name ~ "' and relation = '" ~ fact.identifier ~ "' and epoch = " ~ epoch_of(fact)
    ).rows -%}
    {{ return(found[0][0] if found else none) }}
{%- endmacro %}


{# What changed in a fact since the model was built. #}
{% macro changes_in(fact) -%}
    (select * from {{ feed_of(fact) }} where _change_id > {{ feed_position(fact) }}) as changes
{%- endmacro %}

{# Rows of a fact with their signs: what changed since the model was built, or all of it. #}
{% macro signed(fact) -%}
    {%- if reads_deltas() -%}
    {{ changes_in(fact) }}
    {%- else -%}
    (select *, 1 as _sign from {{ fact }}) as existing
    {%- endif -%}
{%- endmacro %}


{# The model holds the feeds to their ends. #}
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
