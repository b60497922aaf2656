{#
    In a developer's schema `--vars 'sample_days: 30'` keeps of each fact the last days before the as_of_date, so that
    what is built on it follows. A fact is computed whole and cut then: its tests still hold. `sampled_by` says by which
    column.
#}
{% macro keep_sample() %}
    {%- set column = sampled_by().get(model.name) -%}
    {%- if is_dev() and var('sample_days', none) is not none and column -%}
        delete from {{ this }}
        where {{ column }} < {{ start_of_day(first_sampled_day()) }}
    {%- endif -%}
{% endmacro %}

{% macro sampled_by() -%}
    {{ return({
        'fct_player_matches': 'played_at',
        'fct_faceit_player_maps': 'played_at',
        'fct_team_matches': 'played_at',
        'fct_drafts': 'played_date',
        'fct_rank_observations': 'observed_at',
    }) }}
{%- endmacro %}

{% macro first_sampled_day() -%}
    (
        select coalesce(max(as_of_date), {{ today() }}) - {{ var('sample_days') | int - 1 }}
        from {{ source('ops', 'generations') }}
        where generation = (select max(generation) from {{ source('ops', 'generations') }})
    )
{%- endmacro %}
