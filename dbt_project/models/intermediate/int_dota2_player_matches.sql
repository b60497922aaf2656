{{ dota2_player_matches() }}
