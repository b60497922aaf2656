{#
    The incremental strategy `signed_deltas`: additive totals, exact at a cost that follows what changed.

    A model sums the rows of a fact by group, each with its sign (`signed`, `signed_count`, `signed_sum`,
    `signed_latest`). Built from nothing these are the totals; built on, they are the differences that the changes of
    the fact make, and are merged: a corrected row leaves its old group with -1 and enters the new one with 1; a group
    that no row is left in goes. In the config:
      - `unique_key`: the columns of the group; none may be null;
      - meta `counts`: the column that counts rows, by which a group is known to be empty;
      - meta `facts`: the fact, by name;
      - meta `latest`: columns that hold the greatest value of a group. They are not additive: where the greatest may
        have been taken away they become null, and `refill_latest` (post-hook) looks them up;
      - `record_positions` as a post-hook.
    Every other column is a sum of integers or numerics, since floats do not subtract exactly.
#}
{% macro signed_count() -%}
    sum(_sign)
{%- endmacro %}

{% macro signed_sum(expression) -%}
    coalesce(sum(_sign * ({{ expression }})), 0)
{%- endmacro %}

{#- Null says that the greatest may be gone: something was taken away, and nothing as great put in. -#}
{% macro signed_latest(expression) -%}
    case
        when
            max(case when _sign < 0 then {{ expression }} end) is null
            or max(case when _sign > 0 then {{ expression }} end) >= max(case when _sign < 0 then {{ expression }} end)
            then max(case when _sign > 0 then {{ expression }} end)
    end
{%- endmacro %}


{% macro get_incremental_signed_deltas_sql(arg_dict) %}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='name') | list -%}
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
    {%- if latest %}
    create temporary table {{ groups_to_refill() }} on commit drop as
    select {{ key | join(', ') }} from {{ delta }}
    where {% for column in latest %}{{ column }} is null{{ " or " if not loop.last }}{% endfor %};
    {%- endif %}
    merge into {{ target_relation }} as totals
    using {{ delta }} as delta
    on {{ same_key('totals', 'delta', key) }}
    when matched and totals.{{ meta['counts'] }} + delta.{{ meta['counts'] }} = 0 then delete
    when matched and (
        {% for column in sums %}delta.{{ column }} <> 0{{ " or " if not loop.last }}{% endfor %}
        {%- for column in latest %} or delta.{{ column }} is null or delta.{{ column }} > totals.{{ column }}{% endfor %}
    ) then update set
        {% for column in sums %}{{ column }} = totals.{{ column }} + delta.{{ column }}{{ ", " if not loop.last }}{% endfor %}
        {%- for column in latest %},
        {{ column }} = case when delta.{{ column }} is not null then greatest(totals.{{ column }}, delta.{{ column }}) end
        {%- endfor %}
    when not matched and delta.{{ meta['counts'] }} <> 0 then insert ({{ columns | join(', ') }})
    values ({% for column in columns %}delta.{{ column }}{{ ", " if not loop.last }}{% endfor %})
{% endmacro %}

{% macro groups_to_refill() -%}
    {{ model.name }}__refill
{%- endmacro %}


{# Post-hook: look up the greatest values that a merge could not tell; `found` selects one for the group `totals`. #}
{% macro refill_latest(column, found) %}
    {% if reads_deltas() %}
        update {{ this }} as totals set {{ column }} = ({{ found }})
        from {{ groups_to_refill() }} as refill
        where {{ same_key('totals', 'refill', config.get('unique_key')) }} and totals.{{ column }} is null
    {% endif %}
{% endmacro %}


{# Bring a table to what was computed anew, writing only what differs. #}
{% macro apply_difference(target_relation, computed, key, columns) %}
    delete from {{ target_relation }} as standing
    where not exists (
        select 1 from {{ computed }} as computed
        where {{ same_key('computed', 'standing', key) }} and {{ same_row('computed', 'standing', columns) }}
    );
    insert into {{ target_relation }} ({{ columns | join(', ') }})
    select {{ columns | join(', ') }} from {{ computed }} as computed
    where not exists (
        select 1 from {{ target_relation }} as standing where {{ same_key('computed', 'standing', key) }}
    )
{% endmacro %}


{# The newest match of the group `totals` in the fact of player matches, for `refill_latest`; by an index of the fact. #}
{% macro newest_match(by, is_significant=true) -%}
    select max(matches.played_at) from {{ ref('fct_player_matches') }} as matches
    where matches.game = totals.game
    {%- for column in by %} and matches.{{ column }} = totals.{{ column }}{% endfor %}
    {%- if is_significant %} and matches.is_significant{% endif %}
{%- endmacro %}
