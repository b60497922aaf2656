{#
    Tables of the additive layer are in the schema `prep`, which both colours share, so their names contain the colour.
#}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {%- if custom_alias_name -%}
        {{ custom_alias_name | trim }}
    {%- elif 'totals' in node.fqn and not is_dev() -%}
        {{ node.name }}_{{ colour() }}
    {%- else -%}
        {{ node.name }}
    {%- endif -%}
{%- endmacro %}
