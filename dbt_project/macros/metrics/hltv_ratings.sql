{#
    HLTV's rating 1.0 of a player on a map, as numeric(18,4): (KPR / 0.679 + 0.7 SPR / 0.317 + RMK / 1.277) / 2.7, with
    KPR = kills per round, SPR = share of rounds survived, and RMK = rounds with multiple kills, weighted by the square
    of the kills: (1K + 4 x 2K + 9 x 3K + 16 x 4K + 25 x 5K) / rounds. 1K, the number of rounds with one kill, follows
    from all kills less those in rounds with several.

    Null if any input is unknown, and if the rounds with multiple kills add up to more than all kills. Decimal
    arithmetic throughout, so that an absurd value overflows no integer and cannot fail a build.
#}
{% macro hltv_rating_1(kills, deaths, rounds, double_kills, triple_kills, quadro_kills, penta_kills) -%}
    {%- set single_kills = '(' ~ kills ~ ' - 2.0 * ' ~ double_kills ~ ' - 3.0 * ' ~ triple_kills ~ ' - 4.0 * '
        ~ quadro_kills ~ ' - 5.0 * ' ~ penta_kills ~ ')' -%}
    cast(
        case
            when {{ rounds }} > 0 and {{ single_kills }} >= 0
                then round(
                    (
                        cast({{ kills }} as numeric) / 0.679
                        + 0.7 * (cast({{ rounds }} as numeric) - {{ deaths }}) / 0.317
                        + (
                            {{ single_kills }} + 4.0 * {{ double_kills }} + 9.0 * {{ triple_kills }}
                            + 16.0 * {{ quadro_kills }} + 25.0 * {{ penta_kills }}
                        ) / 1.277
                    ) / {{ rounds }} / 2.7,
                    4
                )
        end as numeric(18, 4)
    )
{%- endmacro %}


{#
    The published approximation of HLTV's rating 2.0, as numeric(18,4): 0.0073 KAST + 0.3591 KPR - 0.5329 DPR + 0.2372
    Impact + 0.0032 ADR + 0.1587, with Impact = 2.13 KPR + 0.42 APR - 0.41 and KAST in percent. Null if any input is
    unknown.
#}
{% macro hltv_rating_2(kast_share, kills, deaths, assists, rounds, adr) -%}
    cast(
        case
            when {{ rounds }} > 0
                then round(
                    0.73 * {{ kast_share }}
                    + (
                        0.3591 * {{ kills }}
                        - 0.5329 * {{ deaths }}
                        + 0.2372 * (2.13 * {{ kills }} + 0.42 * {{ assists }})
                    ) / {{ rounds }}
                    - 0.2372 * 0.41
                    + 0.0032 * {{ adr }}
                    + 0.1587,
                    4
                )
        end as numeric(18, 4)
    )
{%- endmacro %}
