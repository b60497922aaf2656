{#
    The incremental strategy `signed_deltas`: additive totals, exact at a cost that follows what changed.

    A model sums the rows of a fact by group, each with its sign (`signed`, `signed_count`, `signed_sum`). Built from nothing these are the totals; built on, they are the differences that the changes of
    the fact make, and are merged: a corrected row leaves its old group with -1 and enters the new one with 1; a group
    that no row is left in goes. In the config:
      - `unique_key`: the columns of the group; none may be null;
      - meta `counts`: the column that counts rows, by which a group is known to be empty;
      - meta `facts`: the fact, by name;
      - meta `latest`: columns that hold the greatest value of a group. They are not additive: `latest_put`,
        `latest_gone` and `settle_latest` make null of one whose greatest value was taken away, and `refill_latest`
        (post-hook) looks that up. They may be null,
        since a new group has none until then.
    Every other column is a sum of integers or numerics, since floats do not subtract exactly.
#}
{% macro signed_count() -%}
    sum(_sign)
{%- endmacro %}

{% macro signed_sum(expression) -%}
    coalesce(sum(_sign * ({{ expression }})), 0)
{%- endmacro %}

{#- The greatest value put in, and the greatest taken away. -#}
{% macro latest_put(expression) -%}
    max(case when _sign > 0 then {{ expression }} end)
{%- endmacro %}

{% macro latest_gone(expression) -%}
    max(case when _sign < 0 then {{ expression }} end)
{%- endmacro %}

{#
    The greatest value of a group `summed`, which has it as `<column>_put` and `<column>_gone`; null where what was
    taken away may have been the greatest, and it is not known what comes next.
#}
{% macro settle_latest(column) -%}
    {%- if reads_deltas() -%}
    case
        when summed.{{ column }}_put > summed.{{ column }}_gone then summed.{{ column }}_put
        when summed.{{ column }}_gone is null and summed.{{ column }}_put is not null then summed.{{ column }}_put
        else (
            select standing.{{ column }} from {{ this }} as standing
            where {{ same_key('standing', 'summed', config.get('unique_key')) }}
                and (standing.{{ column }} > summed.{{ column }}_gone or summed.{{ column }}_gone is null)
        )
    end
    {%- else -%}
    summed.{{ column }}_put
    {%- endif -%}
{%- endmacro %}


{% macro get_incremental_signed_deltas_sql(arg_dict) %}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='name') | list -%}
    {{ note_groups_to_refill(arg_dict['temp_relation'], arg_dict['unique_key']) }}
    {%- if reads_deltas() -%}
        {{ merge_deltas(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], columns) }}
    {%- else -%}
        {{ apply_difference(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], columns) }}
    {%- endif -%}
{% endmacro %}

{% macro merge_deltas(target_relation, delta, key, columns) %}
    {%- set meta = config.get('meta') -%}
    {%- set latest = meta.get('latest', []) -%}
    {%- set sums = columns | reject('in', key + latest) | list -%}
    analyze {{ delta }};
    merge into {{ target_relation }} as totals
    using {{ delta }} as delta
    on {{ same_key('totals', 'delta', key) }}
    when matched and totals.{{ meta['counts'] }} + delta.{{ meta['counts'] }} = 0 then delete
    when matched and (
        {% for column in sums %}delta.{{ column }} <> 0{{ " or " if not loop.last }}{% endfor %}
        {%- for column in latest %}
        or delta.{{ column }} > totals.{{ column }} or (totals.{{ column }} is null and delta.{{ column }} is not null)
        {%- endfor %}
    ) then update set
        {% for column in sums %}{{ column }} = totals.{{ column }} + delta.{{ column }}{{ ", " if not loop.last }}{% endfor %}
        {%- for column in latest %},
        {{ column }} = greatest(totals.{{ column }}, delta.{{ column }})
        {%- endfor %}
    when not matched and delta.{{ meta['counts'] }} <> 0 then insert ({{ columns | join(', ') }})
    values ({% for column in columns %}delta.{{ column }}{{ ", " if not loop.last }}{% endfor %})
{% endmacro %}

{# Groups with a greatest value that the merge cannot tell; none where everything is computed whole. #}
{% macro note_groups_to_refill(delta, key) %}
    {%- set latest = config.get('meta').get('latest', []) -%}
    {%- if latest %}
    create temporary table {{ groups_to_refill() }} on commit drop as
    select {{ key | join(', ') }} from {{ delta }}
    where
        {%- if reads_deltas() %} {% for column in latest %}{{ column }} is null{{ " or " if not loop.last }}{% endfor %}
        {%- else %} false
        {%- endif %};
    analyze {{ groups_to_refill() }};
    {%- endif %}
{% endmacro %}

{% macro groups_to_refill() -%}
    {{ model.name }}__refill
{%- endmacro %}


{#
    Post-hook: look up the greatest values that a merge could not tell; until then the old ones stand. `found` selects
    one for the group `totals`. By now the model's positions are noted, so `reads_deltas` no longer says how it was
    computed.
#}
{% macro refill_latest(column, found) %}
    {% if execute and has_feeds() and is_incremental() %}
        {%- set key = config.get('unique_key') %}
        {%- do log('rows written: ?') if run_query("select 1 from " ~ groups_to_refill() ~ " limit 1").rows %}
        update {{ this }} as standing set {{ column }} = looked_up.found
        from (
            select
                {% for name in key %}totals.{{ name }}, {% endfor %}
                ({{ found }}) as found
            from {{ this }} as totals
            inner join {{ groups_to_refill() }} as refill on {{ same_key('totals', 'refill', key) }}
        ) as looked_up
        where {{ same_key('standing', 'looked_up', key) }} and standing.{{ column }} is distinct from looked_up.found
    {% endif %}
{% endmacro %}


{#
    The newest match of the group `totals` in the fact of player matches, for `refill_latest`; by an index of the fact,
    in which a day is a range of moments.
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
