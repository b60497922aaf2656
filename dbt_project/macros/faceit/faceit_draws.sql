{#
    Rounds that a side has won at the least where a map ended level. Less is a count of maps, or what some results show
    in place of rounds.
#}
{% macro faceit_min_draw_rounds() -%}
    6
{%- endmacro %}


{# The winner that statistics name, by id or otherwise; null where they name none, or call it a draw. #}
{% macro reported_winner(text) -%}
    case when lower(trim({{ text }})) not in ('', 'draw', 'none', 'tie') then trim({{ text }}) end
{%- endmacro %}


{# Whether a score in a text, `15 / 15`, is of a map that was played and ended level; never null. #}
{% macro is_tied_score(score) -%}
    coalesce(
        trim({{ text_part(score, '/', 1) }}) = trim({{ text_part(score, '/', 2) }})
        and trim({{ text_part(score, '/', 1) }}) not in ('', '0'),
        false
    )
{%- endmacro %}


{#
    Whether a match of FACEIT without a winner ended level, as its own result says: 1:1 in a best of two, equal rounds
    in a best of one. A best of three has a winner, or its result is not known. Never null.
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


{# Whether all maps of a best of two, by `series_id`, are known and as many were won on either side; never null. #}
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


{# Whether a map's entry in a match's `detailed_results` names no winner beside equal rounds; never null. #}
{% macro is_tied_result(map_result) -%}
    coalesce(
        coalesce({{ json_text(map_result, 'winner') }}, '') not in ('faction1', 'faction2')
        and {{ faceit_side_score(map_result, 'faction1') }} = {{ faceit_side_score(map_result, 'faction2') }}
        and {{ faceit_side_score(map_result, 'faction1') }} >= {{ faceit_min_draw_rounds() }},
        false
    )
{%- endmacro %}
