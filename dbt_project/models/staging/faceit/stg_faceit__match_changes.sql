{{ staging_changes(
    'faceit', 'faceit', key='series_id', column='match_id',
    tables=[
        'history_matches', 'history_players', 'player_match_stats', 'matches', 'match_factions', 'match_rosters',
        'match_rounds', 'match_round_teams', 'match_round_players'
    ]
) }}
