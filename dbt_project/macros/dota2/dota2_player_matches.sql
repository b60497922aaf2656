{#
    Player slots of Dota 2 matches, from two endpoints of OpenDota: the history of a tracked player and the details of a
    match.

    A slot in both is one row. If both have a value, that of the history wins, because histories are read repeatedly and
    details once. (The observation time must not decide: a repeated response with the same content moves it, which an
    incremental build does not see.)

    changes: relation of changed matches (game, match_id) to which the staging views are filtered by index; none for all
        matches.
#}
{% macro dota2_player_matches(changes=none) %}
{%- set only_changed -%}
    {% if changes %}
    where match_id in (select cast(match_id as bigint) from {{ changes }} where game = {{ game('dota2') }})
    {% endif %}
{%- endset -%}
{%- set shared = ['hero_id', 'kills', 'deaths', 'assists', 'leaver_status', 'party_size'] -%}
{%- set of_match = ['is_radiant_win', 'played_at', 'duration_s', 'game_mode', 'lobby_type'] -%}
{%- set of_play = ['kills', 'deaths', 'assists'] -%}
{%- set from_details = [
    'last_hits', 'denies', 'gold_per_min', 'xp_per_min', 'hero_damage', 'tower_damage', 'hero_healing',
    'net_worth', 'level'
] -%}
with history as (

    select
        *,
        row_number() over (partition by match_id, player_slot order by account_id) as slot_rank
    from {{ ref('stg_opendota__player_matches') }}
    {{ only_changed }}

),

details as (

    select * from {{ ref('stg_opendota__match_players') }}
    {{ only_changed }}

),

matches as (

    select * from {{ ref('stg_opendota__matches') }}
    {{ only_changed }}

),

-- Facts of the match are taken from one history for all of its players; otherwise both sides could win. A history with
-- a result was read later than one without.
match_facts as (

    select
        *,
        row_number() over (
            partition by match_id
            order by case when is_radiant_win is null then 1 else 0 end, account_id
        ) as row_rank,
        max(average_rank) over (partition by match_id) as match_average_rank,
        max(parser_version) over (partition by match_id) as match_parser_version
    from history

),

slots as (

    select
        coalesce(history.match_id, details.match_id) as match_id,
        coalesce(history.player_slot, details.player_slot) as player_slot,
        coalesce(history.account_id, details.account_id) as account_id,
        history.match_id is not null as is_in_history,
        details.match_id is not null as has_details,
        {%- for column in shared %}
        coalesce(history.{{ column }}, details.{{ column }}) as {{ column }},
        {%- endfor %}
        {%- for column in from_details %}
        details.{{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from (select * from history where slot_rank = 1) as history
    full outer join details
        on history.match_id = details.match_id
        and history.player_slot = details.player_slot

),

described as (

    select
        slots.match_id,
        slots.player_slot,
        -- A player has one slot in a match; a stale second slot gets an unknown player.
        case
            when row_number() over (
                partition by slots.match_id, slots.account_id
                order by case when slots.is_in_history then 0 else 1 end, slots.player_slot
            ) = 1 then slots.account_id
        end as account_id,
        slots.has_details,
        {%- for column in shared + from_details %}
        slots.{{ column }},
        {%- endfor %}
        {%- for column in of_match %}
        coalesce(match_facts.{{ column }}, matches.{{ column }}) as {{ column }},
        {%- endfor %}
        coalesce(match_facts.match_parser_version, matches.parser_version) as parser_version,
        slots.player_slot < 128 as is_radiant,
        matches.patch,
        matches.league_id,
        case when slots.player_slot < 128 then matches.radiant_team_id else matches.dire_team_id end as team_id,
        match_facts.match_average_rank as average_rank
    from slots
    left join matches on slots.match_id = matches.match_id
    left join match_facts on slots.match_id = match_facts.match_id and match_facts.row_rank = 1

),

played as (

    select
        *,
        -- A match without length has no statistics, and neither has a row of zeros of a player who left or never had a
        -- hero. Gold, experience and level also grow for an idle player, so they are not compared.
        coalesce(
            duration_s = 0
            or (
                (coalesce(hero_id, 0) = 0 or leaver_status > 0)
                {%- for column in of_play %}
                and {{ column }} = 0
                {%- endfor %}
                {%- for column in ['last_hits', 'denies', 'hero_damage', 'tower_damage', 'hero_healing'] %}
                and coalesce({{ column }}, 0) = 0
                {%- endfor %}
            ),
            false
        ) as is_without_statistics
    from described

),

final as (

    select
        {{ game('dota2') }} as game,
        cast(played.match_id as text) as match_id,
        played.player_slot,
        cast(played.account_id as text) as player_id,
        played.played_at,
        {{ utc_date('played.played_at') }} as played_date,
        played.duration_s,
        played.is_radiant = played.is_radiant_win as is_win,
        -- A match has a winner or an unknown result.
        false as is_draw,
        case when played.is_radiant then 'radiant' else 'dire' end as side,
        cast(coalesce(played.hero_id, 0) as text) as character_id,
        cast(null as text) as map_id,
        coalesce(
            {{ value_as_of('played.played_at', ref('int_dota2_patches'), 'released_at', 'patch_id') }},
            cast(played.patch as text)
        ) as patch_id,
        played.game_mode,
        played.lobby_type,
        -- OpenDota counts matches with a balanced game mode and a balanced lobby type.
        case
            when not coalesce(lobby_types.is_balanced, false) then 'other'
            when game_modes.is_balanced then 'standard'
            else coalesce(mode_codes.mode, 'other')
        end as mode,
        played.is_radiant_win is not null and coalesce(played.duration_s > 360, false) as is_counted,
        {%- for column in of_play %}
        case when not played.is_without_statistics then played.{{ column }} end as {{ column }},
        {%- endfor %}
        coalesce(medals.rank_bracket, 'unknown') as rank_bracket,
        played.average_rank,
        played.party_size,
        played.leaver_status,
        cast(played.team_id as text) as team_id,
        cast(played.league_id as text) as league_id,
        played.has_details,
        played.parser_version is not null as is_parsed,
        {%- for column in from_details %}
        case when not played.is_without_statistics then played.{{ column }} end as {{ column }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from played
    left join {{ ref('int_dota2_game_modes') }} as game_modes
        on cast(played.game_mode as text) = game_modes.game_mode_id
    left join {{ ref('int_dota2_lobby_types') }} as lobby_types
        on cast(played.lobby_type as text) = lobby_types.lobby_type_id
    left join {{ ref('mode_codes') }} as mode_codes
        on mode_codes.game = {{ game('dota2') }}
            and cast(played.game_mode as text) = mode_codes.code
    left join {{ ref('dota2_medals') }} as medals
        on played.average_rank / 10 = medals.medal

)

select * from final
{% endmacro %}
