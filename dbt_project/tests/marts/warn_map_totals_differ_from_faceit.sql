{{ config(severity='warn') }}
-- FACEIT's own totals are read at another time than the matches, and include matches that it no longer lists. Players
-- whose lists of matches and statistics have not been read to the end are left out. FACEIT names a map by its display
-- name, before cs2 by its id. It has totals by map and mode; the marts have those of the standard mode.
with read_to_the_end as (

    select cursor_name
    from {{ ref('stg_ops__cursors') }}
    where source_name = 'faceit'
        and {{ json_value('cursor_value', 'walk') }} is null
        and {{ json_text('cursor_value', 'newest') }} is not null

),

standard_codes as (

    select
        codes.game,
        codes.code
    from {{ ref('mode_codes') }} as codes
    inner join {{ ref('modes') }} as modes
        on codes.game = modes.game
            and codes.mode = modes.mode
    where modes.is_standard

),

theirs as (

    select
        segments.game,
        segments.player_id,
        lower(coalesce(maps.map_name, segments.reported_map_id)) as map_name,
        sum(segments.matches) as matches,
        sum(segments.wins) as wins
    from {{ ref('stg_faceit__player_segments') }} as segments
    inner join standard_codes
        on segments.game = standard_codes.game
            and lower(segments.mode) = standard_codes.code
    left join {{ ref('int_map_aliases') }} as aliases
        on {{ map_alias('segments.reported_map_id') }} = aliases.alias
    left join {{ ref('maps') }} as maps on aliases.map_id = maps.map_id
    where segments.game = {{ game('cs2') }}
        and segments.matches is not null
        and 'player_history/' || segments.player_id in (select walks.cursor_name from read_to_the_end as walks)
        and 'player_match_stats/' || segments.player_id in (select walks.cursor_name from read_to_the_end as walks)
    group by segments.game, segments.player_id, lower(coalesce(maps.map_name, segments.reported_map_id))

),

ours as (

    select
        records.game,
        records.player_id,
        lower(maps.map_name) as map_name,
        sum(records.matches) as matches,
        sum(records.wins) as wins
    from {{ ref('player_map_win_rates') }} as records
    inner join {{ ref('dim_maps') }} as maps
        on records.game = maps.game
            and records.map_id = maps.map_id
    group by records.game, records.player_id, lower(maps.map_name)

)

select
    theirs.game,
    theirs.player_id,
    theirs.map_name,
    theirs.matches as their_matches,
    ours.matches as our_matches,
    theirs.wins as their_wins,
    ours.wins as our_wins
from theirs
left join ours
    on theirs.game = ours.game
        and theirs.player_id = ours.player_id
        and theirs.map_name = ours.map_name
where theirs.matches <> coalesce(ours.matches, 0)
    or theirs.wins <> coalesce(ours.wins, 0)
