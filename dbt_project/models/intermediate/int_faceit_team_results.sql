{{ faceit_team_results() }}
