{{ staging_changes(
    'dota2', 'opendota', key='player_id', column='account_id',
    tables=['player_ranks', 'player_ratings']
) }}
