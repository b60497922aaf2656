{#
    A value that OpenDota has as a flat field, or within an object beside or in place of it. 0 and empty text are none;
    the flat field comes first.
#}
{% macro opendota_id(flat, within) -%}
    coalesce(case when {{ flat }} > 0 then {{ flat }} end, case when {{ within }} > 0 then {{ within }} end)
{%- endmacro %}

{% macro opendota_name(flat, within) -%}
    coalesce(nullif({{ flat }}, ''), nullif({{ within }}, ''))
{%- endmacro %}


{#
    The columns of a match that name its teams. A team does not play itself: where both sides have one id, it is not
    known who played on which, so that neither has any.
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


{# An account id of a known player: 0 and below belong to no player, 4294967295 is shared by all who hide. #}
{% macro valid_account_id(account_id) -%}
    case when {{ account_id }} between 1 and 4294967294 then {{ account_id }} end
{%- endmacro %}
