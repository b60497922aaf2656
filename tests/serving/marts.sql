-- A few rows of every mart that the API reads: ties, nulls, players without rows, one person in three games.
INSERT INTO dim_players (game, player_id, display_name, steam_id64, is_tracked, rank_value, rank_name, rank_bracket,
    last_played_at) VALUES
    ('dota2', '101', 'Ada', '76561197960265829', true, 74, 'Divine 4', 'divine', '2026-01-02 03:04:05.678+00'),
    ('dota2', '102', NULL, '76561197960265830', true, NULL, NULL, 'unknown', NULL),
    ('cs2', 'p-ada', 'ada_cs', '76561197960265829', true, 2014, 'Level 10', 'level_10', '2026-01-05 10:00+00'),
    ('csgo', 'p-ada', 'ada_cs', '76561197960265829', false, 900, 'Level 5', 'level_5', '2023-05-05 10:00+00'),
    ('cs2', 'p-bob', 'Adam', NULL, true, 1200, 'Level 6', 'level_6', '2026-01-04 10:00+00'),
    ('cs2', 'p-cat', 'ADA%', NULL, false, NULL, NULL, 'unknown', NULL),
    ('cs2', 'p-dan', '100%', NULL, false, NULL, NULL, 'unknown', NULL),
    ('cs2', 'p-eve', '_x\', NULL, false, NULL, NULL, 'unknown', NULL),
    ('cs2', 'p-fay', 'Ångström', NULL, false, NULL, NULL, 'unknown', NULL);
INSERT INTO dim_players (game, player_id, display_name, is_tracked, rank_bracket)
    SELECT 'csgo', 'many-' || n, 'Many ' || n, false, 'unknown' FROM generate_series(1, 70) AS n;
INSERT INTO dim_characters (game, character_id, character_name) VALUES
    ('dota2', '1', 'Anti-Mage'), ('dota2', '2', 'Axe'), ('dota2', '3', 'Bane');
INSERT INTO dim_maps (game, map_id, map_name, scenario) VALUES
    ('cs2', 'de_nuke', 'Nuke', 'defusal'), ('cs2', 'cs_office', 'Office', 'hostage');
INSERT INTO fct_player_matches (game, match_id, player_slot, player_id, played_at, played_date, duration_s, is_win, is_draw,
    side, character_id, patch_id, game_mode, lobby_type, mode, is_counted, is_significant, kills, deaths, assists, rank_bracket, has_details,
    is_parsed)
    SELECT 'dota2', n::text, 3, '101', timestamptz '2026-01-01 00:00+00' + (n / 2) * interval '1 hour', '2026-01-01',
        2000 + n, n % 3 = 0, false, 'radiant', (n % 3)::text, '58', CASE WHEN n = 20 THEN 18 WHEN n % 10 = 0 THEN 23 ELSE 22 END, 7,
        CASE WHEN n = 20 THEN 'other' WHEN n % 10 = 0 THEN 'turbo' ELSE 'standard' END, n % 10 <> 5, n % 5 > 0, n % 20, n % 7, n % 11, 'divine', true,
        false
    FROM generate_series(1, 120) AS n;
INSERT INTO fct_player_matches (game, match_id, player_slot, player_id, played_at, played_date, is_win, is_draw, side,
    map_id, mode, is_counted, is_significant, rank_bracket, team_id, league_id, has_details, is_parsed, rounds)
    SELECT 'cs2', 'm:' || n, 0, 'p-ada', timestamptz '2026-01-01 00:00+00' + n * interval '1 hour', '2026-01-01',
        NULL, n % 4 = 0, 'faction1', 'de_nuke', CASE WHEN n % 2 = 0 THEN '5v5' ELSE '2v2' END, n % 4 = 0, n % 4 = 0, 'level_10', 't-1', 'l-1', true, false, 20 + n
    FROM generate_series(1, 9) AS n;
INSERT INTO fct_player_matches (game, match_id, player_slot, player_id, played_at, played_date, is_win, is_draw, side,
    map_id, mode, is_counted, is_significant, rank_bracket, has_details, is_parsed)
    SELECT 'cs2', 'm:undated-' || n, 0, 'p-cat', NULL, NULL, n = 1, n = 2, 'faction1', 'de_nuke', '5v5', true, true,
        'unknown', true, false
    FROM generate_series(1, 3) AS n;
INSERT INTO rank_progression (game, player_id, ladder, observed_date, rank_value, rank_name, change, peak_rank_value,
    days_held)
    SELECT 'dota2', '101', ladder, date '2026-01-01' + n, 70 + n / 5, 'Divine', n % 2, 70 + n / 5, 1
    FROM generate_series(0, 9) AS n, unnest(ARRAY['dota2_rank_tier', 'dota2_solo_mmr']) AS ladder;
INSERT INTO rank_progression (game, player_id, ladder, observed_date, rank_value, rank_name, change, change_steps,
    peak_rank_value, days_held) VALUES
    ('cs2', 'p-bob', 'faceit_elo', '2026-01-01', 1200, 'Level 6', NULL, NULL, 1200, 1),
    ('cs2', 'p-bob', 'faceit_elo', '2026-01-02', 1187, 'Level 6', -13, -13, 1200, 1),
    ('cs2', 'p-bob', 'faceit_elo', '2026-01-03', NULL, NULL, NULL, NULL, 1200, 1),
    ('cs2', 'p-bob', 'faceit_elo', '2026-01-04', 1210, 'Level 7', NULL, NULL, 1210, 0);
INSERT INTO player_win_rates VALUES
    ('dota2', '101', '7d', 0, 0, 0, 0, NULL, NULL, NULL, NULL),
    ('dota2', '101', 'all', 90, 30, 0, 60, 0.333333, 0.245, 0.435, '2026-01-02 00:00+00'),
    ('dota2', '101', '30d', 90, 30, 0, 60, 0.333333, 0.245, 0.435, '2026-01-02 00:00+00'),
    ('cs2', 'p-ada', 'all', 6, 4, 1, 1, 0.666667, 0.37, 0.96, '2026-01-05 00:00+00'),
    ('cs2', 'p-ada', '30d', 2, 1, 0, 1, 0.5, 0.09, 0.9, '2026-01-05 00:00+00'),
    ('cs2', 'p-ada', '7d', 0, 0, 0, 0, NULL, NULL, NULL, NULL),
    ('cs2', 'p-cat', 'all', 3, 1, 1, 1, 0.333333, 0.06, 0.79, NULL);
INSERT INTO dim_modes VALUES
    ('dota2', 'standard', 'Standard', true), ('dota2', 'turbo', 'Turbo', false), ('dota2', 'other', 'Other modes', false),
    ('cs2', '5v5', '5v5', true), ('cs2', '2v2', 'Wingman (2v2)', false), ('csgo', '5v5', '5v5', true);
INSERT INTO player_mode_win_rates
    SELECT records.game, records.player_id, modes.mode, records.period, records.matches, records.wins, records.draws,
        records.losses, records.win_rate, records.win_rate_low, records.win_rate_high, records.last_played_at
    FROM player_win_rates AS records
    INNER JOIN dim_modes AS modes ON records.game = modes.game AND modes.is_standard
    WHERE records.matches > 0;
INSERT INTO player_mode_win_rates VALUES
    ('dota2', '101', 'turbo', '7d', 0, 0, 0, 0, NULL, NULL, NULL, NULL),
    ('dota2', '101', 'turbo', 'all', 12, 9, 0, 3, 0.75, 0.47, 0.91, '2026-01-01 00:00+00'),
    ('dota2', '101', 'turbo', '30d', 1, 1, 0, 0, 1, 0.21, 1, '2026-01-01 00:00+00');
INSERT INTO player_character_win_rates VALUES
    ('dota2', '101', '0', 5, 1, 0, 4, 0.2, 0.04, 0.62, 1, 2, 3, 2.0, '2026-01-02 00:00+00'),
    ('dota2', '101', '1', 50, 20, 0, 30, 0.4, 0.27, 0.53, 100, 200, 300, 2.0, '2026-01-02 00:00+00');
INSERT INTO player_map_win_rates VALUES
    ('cs2', 'p-ada', 'de_nuke', 4, 3, 1, 0, 0.75, 0.3, 0.95, 90, 80, 60, 10, 1.3333, '2026-01-05 00:00+00'),
    ('cs2', 'p-ada', 'de_train', 4, 1, 0, 3, 0.25, 0.05, 0.7, NULL, NULL, NULL, NULL, NULL, '2026-01-04 00:00+00'),
    ('cs2', 'p-ada', 'cs_office', 9, 9, 0, 0, 1, 0.7, 1, 200, 8000000000, 1, 2, 99.5, '2026-01-03 00:00+00'),
    ('cs2', 'p-cat', 'de_nuke', 3, 1, 1, 1, 0.333333, 0.06, 0.79, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO player_form VALUES
    ('cs2', 'p-ada', 20, 12, 1, 7, 0.6, 0.38, 0.78, 18, 1.2345, 0.012345, 0.001, 0.02, 'rising', '2025-12-01 00:00+00',
        '2026-01-05 10:00+00');
INSERT INTO player_benchmarks
    SELECT game, player_id, metric, 1.5, 20, 'divine', 0.75, 0.5
    FROM (VALUES ('dota2', '101'), ('cs2', 'p-ada')) AS players (game, player_id),
        unnest(ARRAY['win_rate', 'kda', 'kills_per_match']) AS metric;
INSERT INTO teammates
    SELECT 'dota2', '101', n::text, 1 + n / 6, n / 9, 0, 1 + n / 6 - n / 9,
        CASE WHEN n % 4 > 0 THEN timestamptz '2026-01-01 00:00+00' + n * interval '1 day' END
    FROM generate_series(90, 130) AS n;
INSERT INTO head_to_head
    SELECT 'cs2', 'p-ada', CASE WHEN n = 5 THEN 'p-bob' ELSE 'q-' || n END, 40 - n / 3, n % 7, n % 2,
        40 - n / 3 - n % 7 - n % 2, NULL
    FROM generate_series(1, 30) AS n;
INSERT INTO bridge_player_identities VALUES
    ('steam:101', 'dota2', '101', 'opendota', 'steam_account', 'steam_id_64', true, true),
    ('steam:101', 'cs2', 'p-ada', 'faceit', 'faceit_player', 'steam_id_64', true, true),
    ('steam:101', 'cs2', 'p-zoe', 'faceit', 'faceit_player', 'steam_id_64', false, true),
    ('steam:101', 'csgo', 'p-ada', 'faceit', 'faceit_player', 'steam_id_64', true, false),
    ('steam:102', 'dota2', '102', 'opendota', 'steam_account', 'steam_id_64', true, false),
    ('faceit:p-bob', 'cs2', 'p-bob', 'faceit', 'faceit_player', NULL, true, false);
INSERT INTO character_win_rates (game, character_id, patch_id, rank_bracket, played_date, matches, wins, picks,
    pick_share, bans) VALUES
    ('dota2', '1', '57', 'divine', '2026-01-01', 10, 6, 10, 1, NULL),
    ('dota2', '1', '58', 'divine', '2026-01-02', 20, 9, 20, 1, 2),
    ('dota2', '1', '58', 'legend', '2026-01-02', 7, 7, 7, 1, NULL),
    ('dota2', '2', '58', 'legend', '2026-01-03', 3, 0, 3, 1, NULL),
    ('dota2', '2', '58', 'legend', '2026-01-04', 5, 2, 5, 1, NULL),
    ('dota2', '2', '58', 'legend', '2026-01-05', 4, 4, 4, 1, 1),
    ('dota2', '2', '58', 'divine', '2026-01-18', 6, 3, 6, 1, NULL),
    ('dota2', '9', '58', 'legend', '2026-01-03', 0, 0, 0, 0, 4);
INSERT INTO hero_meta_trends
    SELECT 'dota2', hero, bracket, days, 20, 10, 0.5, 0.3, 0.7, 0.2, 10, 0.4, 0.1, hero::numeric / 10, -0.2, 0.4, 0.1,
        date '2026-01-01', date '2026-01-07'
    FROM unnest(ARRAY['1', '2']) AS hero, unnest(ARRAY['all', 'divine']) AS bracket, unnest(ARRAY[7, 30]) AS days;
INSERT INTO map_win_rates VALUES
    ('cs2', 'de_nuke', 'faction1', 30, 18, 2, 10, 0.6, 0.42, 0.75, 0.3, 21.5),
    ('cs2', 'de_nuke', 'faction2', 30, 12, 0, 18, 0.4, 0.25, 0.58, 0.3, 21.5),
    ('cs2', 'de_train', 'faction1', 70, 35, 0, 35, 0.5, 0.38, 0.62, 0.7, NULL),
    ('csgo', 'de_nuke', 'faction1', 1, 1, 0, 0, 1, 0.2, 1, 1, NULL);
INSERT INTO leaderboard_entries (board, game, player_id, display_name, rank, score, matches, wins, draws, losses,
    win_rate,
    is_qualified)
    SELECT 'dota2_matches', 'dota2', n::text, 'Player ' || n, CASE WHEN n < 60 THEN 1 + n / 4 * 4 END, 1000 - n / 4 * 4,
        100, 50, 0, 50, 0.5, n < 60
    FROM generate_series(0, 69) AS n;
INSERT INTO dim_teams (game, team_id, team_name, tag, rating, wins, losses, last_played_at)
    SELECT 'dota2', n::text, 'Team ' || n, NULL, 1000.125 + n, n, 50 - n,
        CASE WHEN n % 5 > 0 THEN timestamptz '2026-01-01 00:00+00' + n / 3 * interval '1 day' END
    FROM generate_series(1, 40) AS n;
INSERT INTO dim_teams (game, team_id, team_name, last_played_at) VALUES ('cs2', 't-1', NULL, '2026-01-02 00:00+00');
INSERT INTO team_form VALUES
    ('dota2', '1', 'Team 1', 12, 7, 1, 4, 0.583333, 0.32, 0.81, -2, 5, 1, 10, '2026-01-01 00:00+00');
INSERT INTO league_standings
    SELECT 'dota2', league::text, CASE WHEN league < 25 THEN 'League ' || league END, team::text, 'Team ' || team, 10,
        10 - team / 2, 0, team / 2, round((10 - team / 2) / 10.0, 6), 1, 10 - team / 2, 0, 10, 1 + team / 2 * 2,
        timestamptz '2026-01-01 00:00+00' + league / 2 * interval '1 day'
    FROM generate_series(10, 30) AS league, generate_series(0, 9) AS team;
INSERT INTO league_standings VALUES
    ('cs2', 'l-1', 'Cup', 't-1', NULL, 2, 1, 1, 0, 0.5, 0, 1, 1, 2, 1, '2026-01-02 00:00+00');
