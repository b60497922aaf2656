{{
    config(
        incremental_strategy='changed_keys',
        unique_key=['game', 'match_id', 'player_slot'],
        meta={
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
{{- hooks_read('stg_opendota__match_changes', macros=['player_match_reference', 'dota2_player_matches']) }}

with player_matches as (

    {% if reads_deltas() %}
    {{ dota2_player_matches(changes=changed_keys()) }}
    {% else %}
    select * from {{ ref('int_player_matches_unioned') }}
    {% endif %}

)

select * from player_matches
{{ stored_by('played_at', 'match_id', 'player_slot') }}
