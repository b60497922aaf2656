{#
    Tracked players by game: in each current game of their source, and in a former game if their FACEIT profile has it.
#}
{% macro tracked_players() -%}
    select
        games.game,
        tracked.tracked_id as player_id
    from {{ ref('stg_ops__tracked') }} as tracked
    inner join {{ ref('games') }} as games on tracked.source_name = games.source_name
    left join {{ ref('stg_faceit__player_games') }} as profiles
        on games.source_name = 'faceit'
            and tracked.tracked_id = profiles.player_id
            and games.game = profiles.game
    where tracked.kind = 'player'
        and (games.is_current or profiles.player_id is not null)
{%- endmacro %}


{# Players who were tracked or untracked since `dim_players` was built. #}
{% macro players_with_changed_tracking() %}
    select
        coalesce(existing.game, tracked.game) as game,
        coalesce(existing.player_id, tracked.player_id) as player_id
    from (select game, player_id from {{ this }} where is_tracked) as existing
    full outer join (
        {{ tracked_players() | indent(8) }}
    ) as tracked
        on existing.game = tracked.game
            and existing.player_id = tracked.player_id
    where existing.player_id is null or tracked.player_id is null
{% endmacro %}


{# Leagues of teams with changed rows in `dim_teams` since `league_standings` was built. #}
{% macro leagues_of_changed_teams() %}
    select
        played.game,
        played.league_id
    from {{ ref('fct_team_matches') }} as played
    where (played.game, played.team_id) in (select game, team_id from {{ changes_in(ref('dim_teams')) }})
{% endmacro %}


{#
    All characters of the days (by patch and bracket) whose number of matches or drafts have changed since
    `character_win_rates` was built, because shares depend on the whole day.
#}
{% macro characters_of_changed_days() %}
    {%- set day = ['game', 'patch_id', 'rank_bracket', 'played_date'] %}
    {%- for totals in [ref('int_character_day_totals'), ref('int_draft_day_totals')] %}
    select
        game,
        character_id,
        patch_id,
        rank_bracket,
        played_date
    from {{ totals }}
    where ({{ day | join(', ') }}) in (
        select {{ day | join(', ') }}
        from (
            {{ match_presence(changes_in(ref('fct_player_matches')), ref('fct_player_matches')) }}
        ) as presence
        where is_now <> was_before
        union
        select {{ day | join(', ') }}
        from {{ changes_in(ref('fct_drafts')) }}
    )
    {{ 'union' if not loop.last }}
    {%- endfor %}
{% endmacro %}


{#
    Whether changed matches have a significant slot now (`is_now`) and had one before (`was_before`), as 1 or 0, by
    patch, bracket and day. A match counts once, whatever the number of its slots.

    changes: changed rows of the fact with their signs.
    fact: the fact.
#}
{% macro match_presence(changes, fact) %}
    select
        game,
        match_id,
        patch_id,
        rank_bracket,
        played_date,
        case when sum(slots_now) > 0 then 1 else 0 end as is_now,
        case when sum(slots_now) - sum(slots_changed) > 0 then 1 else 0 end as was_before
    from (
        select
            game,
            match_id,
            coalesce(patch_id, 'unknown') as patch_id,
            rank_bracket,
            played_date,
            0 as slots_now,
            _sign as slots_changed
        from {{ changes }}
        where is_significant and played_date is not null
        union all
        select
            game,
            match_id,
            coalesce(patch_id, 'unknown') as patch_id,
            rank_bracket,
            played_date,
            1 as slots_now,
            0 as slots_changed
        from {{ fact }}
        where is_significant and played_date is not null
            and (game, match_id) in (select changes.game, changes.match_id from {{ changes }})
    ) as slots
    group by game, match_id, patch_id, rank_bracket, played_date
{% endmacro %}
