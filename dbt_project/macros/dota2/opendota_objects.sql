{#
    A value that OpenDota sends as a flat field, in a nested object, or both; the flat field wins. 0 and empty text mean
    null.
#}
{% macro opendota_id(flat, within) -%}
    coalesce(case when {{ flat }} > 0 then {{ flat }} end, case when {{ within }} > 0 then {{ within }} end)
{%- endmacro %}

{% macro opendota_name(flat, within) -%}
    coalesce(nullif({{ flat }}, ''), nullif({{ within }}, ''))
{%- endmacro %}


{#
    The team columns of a match. A team does not play itself: if both sides have the same id, the sides are unknown and
    both ids are null.
#}
{% macro opendota_teams() -%}
    {%- set ids = {} -%}
    {%- for side in ['radiant', 'dire'] -%}
        {%- do ids.update({side: opendota_id(side ~ '_team_id', side ~ '_team__team_id')}) -%}
    {%- endfor -%}
    nullif({{ ids['radiant'] }}, {{ ids['dire'] }}) as radiant_team_id,
    nullif({{ ids['dire'] }}, {{ ids['radiant'] }}) as dire_team_id,
    {{ opendota_name('radiant_name', 'radiant_team__name') }} as radiant_team_name,
    {{ opendota_name('dire_name', 'dire_team__name') }} as dire_team_name
{%- endmacro %}


{# The account id of a player; null for 0 and below, which identify no player, and for 4294967295 (anonymous). #}
{% macro valid_account_id(account_id) -%}
    case when {{ account_id }} between 1 and 4294967294 then {{ account_id }} end
{%- endmacro %}
