{#
    The incremental strategy `signed_deltas`: exact additive totals at a cost proportional to the changes.

    A model sums the rows of a fact by group, each with its sign (`signed`, `signed_count`, `signed_sum`). In a full
    refresh the sums are the totals. In an incremental build they are deltas, which are merged: a corrected row leaves
    its old group with -1 and enters the new one with 1; a group without rows is deleted. In the config:
      - `unique_key`: the columns of the group; none may be null;
      - meta `count_column`: the column that counts rows; a group with count zero is deleted;
      - meta `facts`: the name of the fact;
      - meta `max_columns`: nullable columns with the greatest value of a group. A maximum is not additive: `max_added`,
        `max_removed` and `resolve_max` give null if the maximum may have been removed, and the post-hook
        `recompute_max` looks it up.
    All other columns are sums of integers or numerics, because floats do not subtract exactly.
#}
{% macro signed_count() -%}
    sum(_sign)
{%- endmacro %}

{% macro signed_sum(expression) -%}
    coalesce(sum(_sign * ({{ expression }})), 0)
{%- endmacro %}

{#- The greatest value among inserted rows, and among deleted rows. -#}
{% macro max_added(expression) -%}
    max(case when _sign > 0 then {{ expression }} end)
{%- endmacro %}

{% macro max_removed(expression) -%}
    max(case when _sign < 0 then {{ expression }} end)
{%- endmacro %}

{#
    The maximum of a group of `summed`, which has the columns `<column>_added` and `<column>_removed`; null if a removed
    value may have been the maximum, so that the next one has to be looked up.
#}
{% macro resolve_max(column) -%}
    {%- if reads_deltas() -%}
    case
        when summed.{{ column }}_added > summed.{{ column }}_removed then summed.{{ column }}_added
        when summed.{{ column }}_removed is null and summed.{{ column }}_added is not null
            then summed.{{ column }}_added
        else (
            select existing.{{ column }} from {{ this }} as existing
            where {{ same_key('existing', 'summed', config.get('unique_key')) }}
                and (existing.{{ column }} > summed.{{ column }}_removed or summed.{{ column }}_removed is null)
        )
    end
    {%- else -%}
    summed.{{ column }}_added
    {%- endif -%}
{%- endmacro %}


{% macro get_incremental_signed_deltas_sql(arg_dict) %}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='name') | list -%}
    {{ mark_groups_to_recompute(arg_dict['temp_relation'], arg_dict['unique_key']) }}
    {%- if reads_deltas() -%}
        {{ merge_deltas(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], columns) }}
    {%- else -%}
        {{ apply_difference(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], columns) }}
    {%- endif -%}
{% endmacro %}

{% macro merge_deltas(target_relation, delta, key, columns) %}
    {%- set meta = config.get('meta') -%}
    {%- set max_columns = meta.get('max_columns', []) -%}
    {%- set sums = columns | reject('in', key + max_columns) | list -%}
    analyze {{ delta }};
    merge into {{ target_relation }} as totals
    using {{ delta }} as delta
    on {{ same_key('totals', 'delta', key) }}
    when matched and totals.{{ meta['count_column'] }} + delta.{{ meta['count_column'] }} = 0 then delete
    when matched and (
        {% for column in sums %}delta.{{ column }} <> 0{{ " or " if not loop.last }}{% endfor %}
        {%- for column in max_columns %}
        or delta.{{ column }} > totals.{{ column }} or (totals.{{ column }} is null and delta.{{ column }} is not null)
        {%- endfor %}
    ) then update set
        {% for column in sums -%}
        {{ column }} = totals.{{ column }} + delta.{{ column }}{{ ", " if not loop.last }}
        {%- endfor %}
        {%- for column in max_columns %},
        {{ column }} = greatest(totals.{{ column }}, delta.{{ column }})
        {%- endfor %}
    when not matched and delta.{{ meta['count_column'] }} <> 0 then insert ({{ columns | join(', ') }})
    values ({% for column in columns %}delta.{{ column }}{{ ", " if not loop.last }}{% endfor %})
{% endmacro %}

{# Create a temporary table of the groups whose maximum the merge cannot know; empty if the model is recomputed. #}
{% macro mark_groups_to_recompute(delta, key) %}
    {%- set max_columns = config.get('meta').get('max_columns', []) -%}
    {%- if max_columns %}
    create temporary table {{ groups_to_recompute() }} on commit drop as
    select {{ key | join(', ') }} from {{ delta }}
    where
        {%- if reads_deltas() %}
        {% for column in max_columns %}{{ column }} is null{{ " or " if not loop.last }}{% endfor %}
        {%- else %} false
        {%- endif %};
    analyze {{ groups_to_recompute() }};
    {%- endif %}
{% endmacro %}

{% macro groups_to_recompute() -%}
    {{ model.name }}__recompute
{%- endmacro %}


{#
    Post-hook: look up the maxima that the merge could not know; until then the old values remain. `found` is a subquery
    for the group `totals`. The watermarks are stored by now, so `reads_deltas` must not be called.
#}
{% macro recompute_max(column, found) %}
    {% if execute and has_feeds() and is_incremental() %}
        {%- set key = config.get('unique_key') %}
        {%- do log('rows written: ?') if run_query("select 1 from " ~ groups_to_recompute() ~ " limit 1").rows %}
        update {{ this }} as existing set {{ column }} = recomputed.found
        from (
            select
                {% for name in key %}totals.{{ name }}, {% endfor %}
                ({{ found }}) as found
            from {{ this }} as totals
            inner join {{ groups_to_recompute() }} as marked on {{ same_key('totals', 'marked', key) }}
        ) as recomputed
        where {{ same_key('existing', 'recomputed', key) }} and existing.{{ column }} is distinct from recomputed.found
    {% endif %}
{% endmacro %}


{#
    The newest match of the group `totals` in `fct_player_matches`, for `recompute_max`. It uses an index on
    `played_at`, so a day is a range of timestamps.
#}
{% macro newest_match(by, is_counted=true) -%}
    select max(matches.played_at) from {{ ref('fct_player_matches') }} as matches
    where matches.game = totals.game
    {%- for column in by %} and matches.{{ column }} = totals.{{ column }}{% endfor %}
    {%- if 'played_date' in by %}
        and matches.played_at >= {{ start_of_day('totals.played_date') }}
        and matches.played_at < {{ start_of_day(add_days('totals.played_date', 1)) }}
    {%- endif %}
    {%- if 'mode' not in by %} and matches.is_significant{% elif is_counted %} and matches.is_counted{% endif %}
{%- endmacro %}
