{{
    config(
        materialized='incremental',
        incremental_strategy='changed_keys',
        unique_key=['game', 'match_id', 'player_slot'],
        on_schema_change='fail',
        meta={'change_key': ['game', 'match_id'], 'has_feed': true},
        pre_hook=[
            "{{ number_change() }}",
            "{{ trim_feed() }}",
            "{{ collect_changes(ref('int_match_changes_unioned'), player_match_reference()) }}",
        ],
        post_hook=[
            "{{ record_progress(player_match_reference()) }}",
            "{{ start_feed() }}",
        ],
        indexes=[
            {'columns': ['game', 'player_id', 'played_at', 'match_id', 'player_slot']},
            {'columns': ['game', 'player_id', 'character_id', 'played_at']},
            {'columns': ['played_date']},
        ]
    )
}}

with player_matches as (

    {% if is_incremental() %}
    {{ dota2_player_matches(changes=changed_keys()) }}
    {% else %}
    select * from {{ ref('int_player_matches_unioned') }}
    {% endif %}

)

select * from player_matches
