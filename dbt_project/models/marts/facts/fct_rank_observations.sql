{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'player_id', 'ladder', 'observed_at'],
        meta={
            'changes': 'int_rank_changes_unioned',
            'change_key': ['game', 'player_id'],
            'has_feed': true,
        },
        indexes=[{'columns': ['game', 'ladder', 'observed_at']}]
    )
}}
{{- depends_on_in_hooks('int_rank_changes_unioned', macros=['dota2_rank_observations', 'faceit_rank_observations']) }}

with
{%- if reads_deltas() %}
dota2 as (

    {{ dota2_rank_observations(changes=changed_keys()) }}

),

faceit as (

    {{ faceit_rank_observations(changes=changed_keys()) }}

),

reported as (

    select * from dota2
    union all
    select * from faceit

),
{%- else %}
reported as (

    select * from {{ ref('int_rank_observations_unioned') }}

),
{%- endif %}

described as (

    select
        reported.*,
        medals.medal_name,
        medals.has_stars,
        -- Only the highest medal has a leaderboard; a leaderboard rank beside another medal is outdated.
        case
            when reported.rank_value is not null
                and (not {{ is_ladder_of('reported.ladder', 'medal') }} or not medals.has_stars)
                then reported.leaderboard_rank
        end as medal_leaderboard_rank
    from reported
    left join {{ ref('dota2_medals') }} as medals
        on {{ is_ladder_of('reported.ladder', 'medal') }}
            and reported.rank_value / 10 = medals.medal

),

observations as (

    select
        game,
        player_id,
        ladder,
        observed_at,
        rank_value,
        medal_name,
        has_stars,
        medal_leaderboard_rank as leaderboard_rank,
        case when medal_leaderboard_rank is not null then leaderboard_region end as leaderboard_region,
        -- Games without known thresholds have the level that FACEIT showed.
        case
            when {{ is_game_with('game', 'level_from', 'elo') }} then {{ faceit_level('rank_value') }}
            else skill_level
        end as level,
        -- A profile and a rating with the same time are one observation; one with a leaderboard rank is preferred.
        row_number() over (
            partition by game, player_id, ladder, observed_at
            order by
                case when medal_leaderboard_rank is null then 1 else 0 end,
                coalesce(rank_value, 0) desc,
                medal_leaderboard_rank asc,
                leaderboard_region asc,
                coalesce(skill_level, 0) desc
        ) as row_rank
    from described

),

-- A missing rank is an observation only after a rank was observed.
ever_ranked as (

    select
        *,
        max(rank_value) over (
            partition by game, player_id, ladder order by observed_at rows unbounded preceding
        ) as peak_rank_value
    from observations
    where row_rank = 1

),

named as (

    select
        game,
        player_id,
        ladder,
        observed_at,
        rank_value,
        case
            when rank_value is not null
                then {{ rank_name('ladder', 'rank_value', 'level', 'medal_name', 'has_stars') }}
        end as rank_name,
        leaderboard_rank,
        leaderboard_region
    from ever_ranked
    where peak_rank_value is not null

)

select * from named
