{#
    The line through points by least squares, as columns `slope` and `slope_variance` of an aggregating query: with n
    points and sums over those whose y is known, slope = (n Sxy - Sx Sy) / (n Sxx - Sx2), and the variance of the slope
    is the mean square of what the line leaves, over n - 2 degrees of freedom, divided by Sxx - Sx2 / n. Null where
    these are not defined: below 2 and 3 points, or where all points have one x. Exact decimal arithmetic.
#}
{% macro least_squares(x, y) -%}
    {%- set known = 'case when ' ~ y ~ ' is not null then ' ~ x ~ ' end' -%}
    {%- set spread_x = '(count(' ~ y ~ ') * sum(' ~ known ~ ' * ' ~ x ~ ') - sum(' ~ known ~ ') * sum(' ~ known ~ '))'
    -%}
    {%- set spread_y = '(count(' ~ y ~ ') * sum(' ~ y ~ ' * ' ~ y ~ ') - sum(' ~ y ~ ') * sum(' ~ y ~ '))' -%}
    {%- set shared = '(count(' ~ y ~ ') * sum(' ~ x ~ ' * ' ~ y ~ ') - sum(' ~ known ~ ') * sum(' ~ y ~ '))' -%}
    {{ shared }} / nullif({{ spread_x }}, 0) as slope,
    case
        when count({{ y }}) > 2
            then greatest({{ spread_y }} - {{ shared }} * {{ shared }} / nullif({{ spread_x }}, 0), 0)
                / (count({{ y }}) - 2) / nullif({{ spread_x }}, 0)
    end as slope_variance
{%- endmacro %}


{#
    Half the width of the 95 % interval of a slope: Student's t for n - 2 degrees of freedom times the standard error.
    The table ends with the 18 degrees of freedom of 20 points.
#}
{% macro slope_margin(variance, points) -%}
    {%- set quantiles = [
        12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139, 2.200985,
        2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922,
    ] -%}
    case {{ points }}
        {%- for quantile in quantiles %}
        when {{ loop.index + 2 }} then {{ quantile }}
        {%- endfor %}
    end * sqrt({{ variance }})
{%- endmacro %}
