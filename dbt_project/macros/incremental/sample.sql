{#
    In a developer's schema `--vars 'sample_days: 30'` keeps of each fact the last days up to the as_of_date, and what
    is built on it follows. A fact is computed whole and cut then.
#}
{% macro apply_sample() %}
    {%- set day = sampled_fact_dates().get(model.name) -%}
    {%- if is_dev() and var('sample_days', none) is not none and day -%}
        delete from {{ this }} where {{ day }} < {{ first_sampled_date() }}
    {%- endif -%}
{% endmacro %}

{# The day of a row, by the fact. #}
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
