{#
    Linear regression by least squares, as columns `slope` and `slope_variance` of an aggregating query. With n points
    and sums over the points with a known y: slope = (n Sxy - Sx Sy) / (n Sxx - Sx2). The variance of the slope is the
    residual mean square with n - 2 degrees of freedom, divided by Sxx - Sx2 / n. Null if undefined: below 2 points
    (slope) or 3 (variance), or if all points have the same x. Exact decimal arithmetic.
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
    Half the width of the 95 % confidence interval of a slope: Student's t for n - 2 degrees of freedom times the
    standard error. The table ends at 18 degrees of freedom (20 points).
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
