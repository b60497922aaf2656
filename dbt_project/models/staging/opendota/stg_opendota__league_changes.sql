{{ staging_changes('dota2', 'opendota', key='league_id', column='leagueid', tables=['leagues']) }}
