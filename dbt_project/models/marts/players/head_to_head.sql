{{
    config(
        incremental_strategy='signed_deltas',
        unique_key=['game', 'player_id', 'other_player_id'],
        meta={'facts': ['fct_player_matches'], 'count_column': 'matches', 'max_columns': ['last_played_at']},
        post_hook="{{ recompute_max('last_played_at', newest_shared_match('<>')) }}"
    )
}}

{{ player_pairs(sides='<>') }}
