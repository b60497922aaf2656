{#
    Wilson's interval for a share of `wins` in `matches`, 95% (z = 1.96, z2 = 3.8416), as numeric(7,6); null for no
    matches.

    With p = wins / matches and n = matches the bounds are (p + z2/2n -+ z * sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n).
    Multiplied through by n / n they read (wins + z2/2 -+ z * sqrt(wins * (n - wins) / n + z2/4)) / (n + z2): one
    division less to round. All of it is exact decimal arithmetic, rounded once, so that equal records get equal
    bounds and a board's ties are ties.
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
    Newcombe's interval for the difference of two shares, `now - before`, from the Wilson bounds of each: the bounds
    on the side of the difference add up in squares (Newcombe 1998, method 10). numeric(8,6); null where either share
    is.
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
