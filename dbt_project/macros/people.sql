{#
    A column about a player's person, where it is shown: of tracked players and of professionals, or of everybody with
    LADDER_SHOW_PEOPLE=all.
#}
{% macro if_shown(column) -%}
    {%- if env_var('LADDER_SHOW_PEOPLE', 'tracked') == 'all' -%}
    {{ column }}
    {%- else -%}
    case when is_tracked or professional_name is not null then {{ column }} end
    {%- endif -%}
{%- endmacro %}
