{{ staging_changes('dota2', 'opendota', key='match_id', tables=['player_matches', 'matches', 'match_players']) }}
