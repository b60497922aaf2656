{{ dota2_team_results() }}
