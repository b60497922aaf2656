{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id', 'ladder', 'observed_at'],
        meta={
            'changes': 'int_rank_changes_unioned',
            'change_key': ['game', 'player_id'],
            'reference': 'rank_reference',
            'has_feed': true,
        },
        indexes=[{'columns': ['game', 'ladder', 'observed_at']}]
    )
}}
{{- hooks_read(
    'int_rank_changes_unioned', macros=['rank_reference', 'dota2_rank_observations', 'faceit_rank_observations']
) }}

with
{%- if reads_deltas() %}
dota2 as (

    {{ dota2_rank_observations(changes=changed_keys()) }}

),

faceit as (

    {{ faceit_rank_observations(changes=changed_keys()) }}

),

told as (

    select * from dota2
    union all
    select * from faceit

),
{%- else %}
told as (

    select * from {{ ref('int_rank_observations_unioned') }}

),
{%- endif %}

observations as (

    select
        *,
        -- The bounds of levels are known for cs2; in another game the level is what FACEIT showed.
        case game when 'cs2' then {{ faceit_level('rank_value') }} else skill_level end as level,
        -- A profile and a rating of one moment are one observation; the one with a place on the leaderboard tells more.
        row_number() over (
            partition by game, player_id, ladder, observed_at
            order by
                case when leaderboard_rank is null then 1 else 0 end,
                rank_value desc,
                leaderboard_rank asc,
                leaderboard_region asc,
                coalesce(skill_level, 0) desc
        ) as place
    from told

),

named as (

    select
        observations.game,
        observations.player_id,
        observations.ladder,
        observations.observed_at,
        observations.rank_value,
        {{ rank_name(
            'observations.ladder', 'observations.rank_value', 'observations.level', 'medals.medal_name',
            'medals.has_stars'
        ) }} as rank_name,
        observations.leaderboard_rank,
        observations.leaderboard_region
    from observations
    left join {{ ref('dota2_medals') }} as medals
        on observations.ladder = 'dota2_rank_tier'
            and observations.rank_value / 10 = medals.medal
    where observations.place = 1

)

select * from named
