{{
    config(
        incremental_strategy='signed_deltas',
        unique_key=['game', 'player_id', 'other_player_id'],
        meta={'facts': ['fct_player_matches'], 'counts': 'matches', 'latest': ['last_played_at']},
        post_hook="{{ refill_latest('last_played_at', newest_meeting('<>')) }}"
    )
}}

{{ player_pairs(sides='<>') }}
