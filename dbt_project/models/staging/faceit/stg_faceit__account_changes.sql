{{ staging_changes(
    'faceit', 'faceit', key='player_id',
    tables=['players', 'player_games', 'history_players', 'match_rosters']
) }}
