{#
    The least rounds that each side has won in a drawn map. A smaller score counts maps, or is the 1:0 that some results
    show instead of rounds.
#}
{% macro faceit_min_draw_rounds() -%}
    6
{%- endmacro %}


{# The winner in statistics, an id or a name; null for an empty text and for a draw. #}
{% macro reported_winner(text) -%}
    case when lower(trim({{ text }})) not in ('', 'draw', 'none', 'tie') then trim({{ text }}) end
{%- endmacro %}


{# Whether a score as text (`15 / 15`) is that of a played map that ended in a draw; never null. #}
{% macro is_tied_score(score) -%}
    coalesce(
        trim({{ text_part(score, '/', 1) }}) = trim({{ text_part(score, '/', 2) }})
        and trim({{ text_part(score, '/', 1) }}) not in ('', '0'),
        false
    )
{%- endmacro %}


{#
    Whether the result of a FACEIT match is a draw: no winner and 1:1 in a best of two, or equal rounds in a best of
    one. A best of three has a winner or an unknown result. Never null.
#}
{% macro is_tied_series(winner, score, other_score, best_of) -%}
    coalesce(
        {{ winner }} is null
        and {{ score }} = {{ other_score }}
        and case
            when {{ score }} >= {{ faceit_min_draw_rounds() }} then coalesce({{ best_of }}, 1) = 1
            else {{ score }} > 0 and coalesce({{ best_of }}, 2) % 2 = 0
        end,
        false
    )
{%- endmacro %}


{# Whether all maps of a best of two (`series_id`) are known and each side won equally many; never null. #}
{% macro is_tied_by_maps() -%}
    coalesce(
        max_maps % 2 = 0
        and count(case when winner is not null or is_tied_map then 1 end) over (partition by series_id) = max_maps
        and sum(
            case winner when 'faction1' then 1 when 'faction2' then -1 else 0 end
        ) over (partition by series_id) = 0
        and coalesce(faction1_score = faction2_score, true),
        false
    )
{%- endmacro %}


{# Whether an entry of `detailed_results` is a drawn map: no winner and equal rounds; never null. #}
{% macro is_tied_result(map_result) -%}
    coalesce(
        coalesce({{ json_text(map_result, 'winner') }}, '') not in ('faction1', 'faction2')
        and {{ faceit_side_score(map_result, 'faction1') }} = {{ faceit_side_score(map_result, 'faction2') }}
        and {{ faceit_side_score(map_result, 'faction1') }} >= {{ faceit_min_draw_rounds() }},
        false
    )
{%- endmacro %}
