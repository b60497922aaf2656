{{ staging_changes('dota2', 'opendota', key='team_id', tables=['teams']) }}
