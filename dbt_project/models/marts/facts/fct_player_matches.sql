{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'match_id', 'player_slot'],
        meta={
            'facts': ['fct_faceit_player_maps'],
            'changes': 'stg_opendota__match_changes',
            'change_key': ['game', 'match_id'],
            'reference': 'player_match_reference',
            'has_feed': true,
        },
        indexes=[
            {'columns': ['game', 'player_id', 'played_at', 'match_id', 'player_slot']},
            {'columns': ['game', 'player_id', 'character_id', 'played_at']},
            {'columns': ['played_date']},
        ]
    )
}}
{{- depends_on_in_hooks('stg_opendota__match_changes', macros=['player_match_reference', 'dota2_player_matches']) }}

{%- set of_dota2 = [
    'last_hits', 'denies', 'gold_per_min', 'xp_per_min', 'hero_damage', 'tower_damage', 'hero_healing', 'net_worth',
    'level'
] %}

with dota2 as (

    {% if reads_deltas() %}
    {{ dota2_player_matches(changes=changed_keys()) }}
    {% else %}
    select * from {{ ref('int_dota2_player_matches') }}
    {% endif %}

),

faceit as (

    select
        game,
        match_id,
        player_slot,
        player_id,
        played_at,
        played_date,
        duration_s,
        is_win,
        is_draw,
        side,
        cast(null as text) as character_id,
        map_id,
        cast(null as text) as patch_id,
        cast(null as integer) as game_mode,
        cast(null as integer) as lobby_type,
        mode,
        is_counted,
        kills,
        deaths,
        assists,
        rank_bracket,
        average_rank,
        cast(null as integer) as party_size,
        cast(null as integer) as leaver_status,
        team_id,
        league_id,
        has_details,
        false as is_parsed,
        {%- for column in of_dota2 %}
        cast(null as integer) as {{ column }},
        {%- endfor %}
        rounds
    from {{ ref('fct_faceit_player_maps') }}
    where {{ only_changed(['game', 'match_id']) }}

),

player_matches as (

    select
        *,
        cast(null as integer) as rounds
    from dota2
    union all
    select * from faceit

)

select
    player_matches.*,
    player_matches.is_counted and coalesce(modes.is_standard, false) as is_significant
from player_matches
left join {{ ref('modes') }} as modes
    on player_matches.game = modes.game
        and player_matches.mode = modes.mode
{{ cluster_by('played_at', 'match_id', 'player_slot') }}
