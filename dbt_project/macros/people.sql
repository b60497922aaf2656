{#
    A column with personal data: null unless the player is tracked or a professional. LADDER_SHOW_PEOPLE=all shows all
    players.
#}
{% macro if_shown(column) -%}
    {%- if env_var('LADDER_SHOW_PEOPLE', 'tracked') == 'all' -%}
    {{ column }}
    {%- else -%}
    case when is_tracked or professional_name is not null then {{ column }} end
    {%- endif -%}
{%- endmacro %}
