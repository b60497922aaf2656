{#
    A personal column: null unless the player is tracked or a professional. LADDER_SHOW_PEOPLE=all shows everybody's.
#}
{% macro if_shown(column) -%}
    {%- if env_var('LADDER_SHOW_PEOPLE', 'tracked') == 'all' -%}
    {{ column }}
    {%- else -%}
    case when is_tracked or professional_name is not null then {{ column }} end
    {%- endif -%}
{%- endmacro %}
