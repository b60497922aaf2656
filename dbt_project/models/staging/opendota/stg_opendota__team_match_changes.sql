{{ staging_changes(
    'dota2', 'opendota', key='match_id',
    tables=['matches', 'league_matches', 'pro_matches', 'team_matches']
) }}
