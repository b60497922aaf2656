{#
    Bounds of the 95 % Wilson interval of the share wins / matches (z = 1.96, z2 = 3.8416), as numeric(7,6); null
    without matches.

    With p = wins / matches and n = matches the bounds are (p + z2/2n -+ z * sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n).
    Multiplied by n / n they are (wins + z2/2 -+ z * sqrt(wins * (n - wins) / n + z2/4)) / (n + z2), with one division
    less to round. Exact decimal arithmetic, rounded once, so that equal records have equal bounds and tie on a board.
#}
{% macro wilson_low(wins, matches) -%}
    {{ wilson_bound(wins, matches, '-') }}
{%- endmacro %}

{% macro wilson_high(wins, matches) -%}
    {{ wilson_bound(wins, matches, '+') }}
{%- endmacro %}

{% macro wilson_bound(wins, matches, sign) -%}
    cast(
        round(
            (
                {{ wins }} + 1.9208
                {{ sign }} 1.96 * sqrt(
                    cast({{ wins }} as numeric) * ({{ matches }} - {{ wins }}) / nullif({{ matches }}, 0) + 0.9604
                )
            ) / ({{ matches }} + 3.8416),
            6
        ) as numeric(7, 6)
    )
{%- endmacro %}


{#
    Bounds of Newcombe's interval for the difference of two shares, `now - before`, from the Wilson bounds of each share
    (Newcombe 1998, method 10), as numeric(8,6); null if either share is.
#}
{% macro difference_low(now, now_low, before, before_high) -%}
    cast(
        round(
            {{ now }} - {{ before }} - sqrt(
                ({{ now }} - {{ now_low }}) * ({{ now }} - {{ now_low }})
                + ({{ before_high }} - {{ before }}) * ({{ before_high }} - {{ before }})
            ),
            6
        ) as numeric(8, 6)
    )
{%- endmacro %}

{% macro difference_high(now, now_high, before, before_low) -%}
    cast(
        round(
            {{ now }} - {{ before }} + sqrt(
                ({{ now_high }} - {{ now }}) * ({{ now_high }} - {{ now }})
                + ({{ before }} - {{ before_low }}) * ({{ before }} - {{ before_low }})
            ),
            6
        ) as numeric(8, 6)
    )
{%- endmacro %}
