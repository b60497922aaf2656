"""Sources of match and game data: fetch, land, describe."""
