{# The prefix of a map id, which names the scenario: `de` of `de_dust2`; empty without a prefix. #}
{% macro map_prefix(map_id) -%}
    case
        when position('_' in {{ map_id }}) > 1
            then substring({{ map_id }} from 1 for position('_' in {{ map_id }}) - 1)
        else ''
    end
{%- endmacro %}


{# The name of a map that is not in the seed: its id without the prefix of the usual scenarios. #}
{% macro map_name(map_id, scenario) -%}
    case
        when {{ scenario }} in ('defusal', 'hostage')
            then {{ title_case(
                "replace(substring(" ~ map_id ~ " from position('_' in " ~ map_id ~ ") + 1), '_', ' ')"
            ) }}
        else {{ map_id }}
    end
{%- endmacro %}
