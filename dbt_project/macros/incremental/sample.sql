{#
    In a developer's schema `--vars 'sample_days: 30'` keeps only the last days of each fact up to the as_of_date, which
    limits all models built on it. The fact is computed completely, then cut.
#}
{% macro apply_sample() %}
    {%- set day = sampled_fact_dates().get(model.name) -%}
    {%- if is_dev() and var('sample_days', none) is not none and day -%}
        delete from {{ this }} where {{ day }} < {{ first_sampled_date() }}
    {%- endif -%}
{% endmacro %}

{# The expression for the day of a row, by fact. #}
{% macro sampled_fact_dates() -%}
    {{ return({
        'fct_player_matches': 'played_date',
        'fct_faceit_player_maps': 'played_date',
        'fct_team_matches': utc_date('played_at'),
        'fct_drafts': 'played_date',
        'fct_rank_observations': utc_date('observed_at'),
    }) }}
{%- endmacro %}

{% macro first_sampled_date() -%}
    (
        select {{ add_days('coalesce(max(as_of_date), ' ~ today() ~ ')', 1 - (var('sample_days') | int)) }}
        from {{ source('ops', 'generations') }}
        where generation = (select max(generation) from {{ source('ops', 'generations') }})
    )
{%- endmacro %}
