{#-
    Changes of elos by player id of the marts: FACEIT's player id, and for Dota 2 the Steam account of the profile's
    game. A profile with a changed account is a change of both accounts.
#}
{%- set images = {'': '_batch_id', '__feed': '_feed_batch_id'} %}
with changes as (

    {%- for image, batch_id in images.items() %}
    select
        elos.game,
        {{ by_player_id_kind('elos.game', 'cast(games.steam_account_id as text)', 'elos.player_id') }} as player_id,
        'staging_faceit.player_elos' as staging_table,
        elos.{{ batch_id }} as batch_id
    from {{ source('faceit', 'player_elos' ~ image) }} as elos
    left join {{ ref('stg_faceit__player_games') }} as games
        on elos.player_id = games.player_id
            and elos.game = games.game
    union all
    select
        game,
        case
            when game = {{ game('dota2') }} then cast({{ steam_account_id('game_player_id') }} as text)
        end as player_id,
        'staging_faceit.player_games' as staging_table,
        {{ batch_id }} as batch_id
    from {{ source('faceit', 'player_games' ~ image) }}
    {{ "union all" if not loop.last }}
    {%- endfor %}

)

select * from changes
