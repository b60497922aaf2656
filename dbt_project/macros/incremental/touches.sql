{# Players who are tracked since `dim_players` was built, or no longer are. #}
{% macro newly_tracked_players() %}
    select
        coalesce(standing.game, tracked.game) as game,
        coalesce(standing.player_id, tracked.player_id) as player_id
    from (select game, player_id from {{ this }} where is_tracked) as standing
    full outer join (
        select
            'dota2' as game,
            tracked_id as player_id
        from {{ ref('stg_ops__tracked') }}
        where source_name = 'opendota' and kind = 'player'
    ) as tracked
        on standing.game = tracked.game
            and standing.player_id = tracked.player_id
    where standing.player_id is null or tracked.player_id is null
{% endmacro %}


{# Leagues of teams whose description has changed since `league_standings` was built. #}
{% macro leagues_of_changed_teams() %}
    select
        played.game,
        played.league_id
    from {{ ref('fct_team_matches') }} as played
    where (played.game, played.team_id) in (select game, team_id from {{ changes_in(ref('dim_teams')) }})
{% endmacro %}
