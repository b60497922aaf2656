{#
    FACEIT's elos on profiles and in rankings; null if a profile showed none. For Dota 2 the player id is the Steam
    account of the profile's game, which is also OpenDota's player id.

    changes: relation of changed players (game, player_id) to which the staging views are filtered; none for all.
#}
{% macro faceit_rank_observations(changes=none) %}
with elos as (

    select
        elos.game,
        {{ by_player_id_kind(
            'elos.game', 'cast(games.steam_account_id as text)', valid_faceit_player_id('elos.player_id')
        ) }} as player_id,
        elos.observed_at,
        elos.faceit_elo as rank_value,
        elos.leaderboard_rank,
        case when elos.leaderboard_rank is not null then elos.region end as leaderboard_region,
        elos.skill_level
    from {{ ref('stg_faceit__player_elos') }} as elos
    left join {{ ref('stg_faceit__player_games') }} as games
        on elos.player_id = games.player_id
            and elos.game = games.game
    where
        {% if changes -%}
        elos.player_id in (
            select player_id from {{ changes }}
            where game in {{ faceit_games() }}
            union all
            select player_id from {{ ref('stg_faceit__player_games') }}
            where game = {{ game('dota2') }}
                and game_player_id in (
                    select '[U:1:' || player_id || ']' from {{ changes }}
                    where game = {{ game('dota2') }}
                    union all
                    select {{ steam_id64('player_id') }} from {{ changes }}
                    where game = {{ game('dota2') }}
                )
        )
        and
        {%- endif %}
        (elos.game = {{ game('dota2') }} or elos.game in {{ faceit_games() }})

),

observed as (

    select
        game,
        player_id,
        {{ ladder('faceit_elo') }} as ladder,
        observed_at,
        -- 0 means no elo.
        case when rank_value > 0 then rank_value end as rank_value,
        leaderboard_rank,
        leaderboard_region,
        skill_level
    from elos
    where observed_at is not null
        and player_id is not null
        {% if changes -%}
        and (game, player_id) in (select game, player_id from {{ changes }})
        {%- endif %}

)

select * from observed
{% endmacro %}
