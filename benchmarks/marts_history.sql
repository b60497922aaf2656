-- A history of matches of any length in the staging tables, and changes of it. All values are computed from numbers by
-- hashes, so that the same arguments give the same rows.
--
-- 2,000 tracked players in 20 groups; 2 to 5 players of a group play a match together, one match every 110 seconds. A
-- longer history begins earlier: players, heroes, pairs of players and matches per day are the same.
CREATE SCHEMA bench;

-- A pseudo-random number from 0 to bound - 1.
CREATE FUNCTION bench.draw(number bigint, seed bigint, bound bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(number, seed) & 2147483647) % bound;

-- The time at which every history ends.
CREATE FUNCTION bench.ends_at() RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN 1767225600; -- 2026-01-01

-- The earliest start of a match that a round corrects or deletes: the same in a long history as in one of 2,000,000
-- rows, so that the changes are the same for all lengths.
CREATE FUNCTION bench.oldest_change() RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN bench.ends_at() - 727 * 86400;

-- Tracked players' slots of matches `first` to `last` of a history of `total` matches: 14 slots every 4 matches.
CREATE FUNCTION bench.slots(first bigint, last bigint, total bigint)
RETURNS TABLE (
    account_id bigint, match_id bigint, player_slot integer, radiant_win boolean, start_time bigint, duration integer,
    game_mode integer, lobby_type integer, hero_id integer, version integer, kills integer, deaths integer,
    assists integer, average_rank integer, leaver_status integer, party_size integer, hero_variant integer
) LANGUAGE sql IMMUTABLE AS $$
    WITH matches AS (
        SELECT
            number,
            7000000000 + number AS match_id,
            bench.draw(number, 1, 20) AS circle,
            bench.draw(number, 2, 100) AS first_member,
            -- Coprime to 100, so that members are distinct.
            1 + 10 * bench.draw(number, 3, 10) AS step,
            bench.draw(number, 4, 10) AS first_place,
            CASE WHEN bench.draw(number, 5, 330) > 0 THEN bench.draw(number, 6, 100) < 51 END AS radiant_win,
            bench.ends_at() - (total - number) * 110 - bench.draw(number, 7, 110) AS start_time,
            300 + bench.draw(number, 8, 3300) AS duration,
            bench.draw(number, 9, 8) = 0 AS is_turbo,
            CASE WHEN bench.draw(number, 10, 100) < 40 THEN 22 END AS version,
            CASE WHEN bench.draw(number, 11, 33) > 0 THEN 1 + bench.draw(number, 12, 5) END AS stars
        FROM generate_series(first, last) AS number
    ),
    slots AS (
        SELECT
            *,
            number * 16 + seat AS slot,
            100000000 + circle * 100 + (first_member + seat * step) % 100 AS account_id,
            (first_place + seat * 3) % 10 AS place
        FROM matches CROSS JOIN LATERAL generate_series(0, 1 + number % 4) AS seat
    )
    SELECT
        account_id,
        match_id,
        (CASE WHEN place < 5 THEN place ELSE place + 123 END)::integer,
        radiant_win,
        start_time,
        duration::integer,
        CASE WHEN is_turbo THEN 23 ELSE 22 END,
        CASE WHEN is_turbo THEN 0 ELSE 7 END,
        -- A generally popular hero, or a favourite of the player.
        (
            CASE
                WHEN bench.draw(slot, 20, 2) = 0 THEN 1 + floor(125 * (bench.draw(slot, 21, 1000000) / 1e6) ^ 2)
                ELSE 1 + (floor(125 * (bench.draw(slot, 21, 1000000) / 1e6) ^ 2)::bigint + account_id * 37) % 125
            END
        )::integer,
        version,
        bench.draw(slot, 22, 15)::integer,
        bench.draw(slot, 23, 12)::integer,
        bench.draw(slot, 24, 25)::integer,
        (10 * (1 + circle * 8 / 20) + stars)::integer,
        (bench.draw(slot, 25, 25) = 0)::integer,
        (1 + bench.draw(slot, 26, 5))::integer,
        (1 + bench.draw(slot, 27, 3))::integer
    FROM slots
$$;

-- Fill empty staging tables with a history of `total` matches, as one batch; returns the number of rows. Rows are
-- ordered by player, since histories are fetched by player.
CREATE FUNCTION bench.fill(total bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    batch bigint := set_config('ladder.batch_id', nextval('ops.batch_ids')::text, true);
    seen timestamptz := to_timestamp(bench.ends_at());
    written bigint := 0;
    count bigint;
BEGIN
    INSERT INTO staging_opendota.player_matches (
        account_id, match_id, player_slot, radiant_win, start_time, duration, game_mode, lobby_type, hero_id, version,
        kills, deaths, assists, average_rank, leaver_status, party_size, hero_variant, _observed_at
    )
    SELECT *, seen FROM bench.slots(1, total, total) ORDER BY account_id, match_id;
    GET DIAGNOSTICS written = ROW_COUNT;

    INSERT INTO ops.tracked (source, kind, id)
    SELECT 'opendota', 'player', (100000000 + n)::text FROM generate_series(0, 1999) AS n;

    INSERT INTO staging_opendota.players (account_id, personaname, loccountrycode, _observed_at)
    SELECT 100000000 + n, 'Player ' || n, 'PL', seen FROM generate_series(0, 1999) AS n;
    GET DIAGNOSTICS count = ROW_COUNT;
    written := written + count;

    INSERT INTO staging_opendota.player_ranks (account_id, observed_at, rank_tier, leaderboard_rank, _observed_at)
    SELECT
        100000000 + n,
        '2026-01-01T00:00:00.000000Z',
        10 * (1 + n / 100 * 8 / 20) + CASE WHEN n >= 1800 THEN 0 ELSE 1 + bench.draw(n, 40, 5) END,
        CASE WHEN n >= 1800 THEN 1 + bench.draw(n, 41, 5000) END,
        seen
    FROM generate_series(0, 1999) AS n;
    GET DIAGNOSTICS count = ROW_COUNT;
    written := written + count;

    INSERT INTO staging_opendota.player_ratings (account_id, time, rank_tier, _observed_at)
    SELECT
        account_id,
        to_char(to_timestamp(start_time + 3600) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        average_rank,
        seen
    FROM staging_opendota.player_matches
    WHERE average_rank IS NOT NULL AND bench.draw(match_id # account_id, 42, 20) = 0;
    GET DIAGNOSTICS count = ROW_COUNT;
    written := written + count;

    -- Details of one match in a hundred, with a draft for one of ten.
    INSERT INTO staging_opendota.matches (
        match_id, start_time, radiant_win, duration, game_mode, lobby_type, version, radiant_score, dire_score,
        picks_bans, _observed_at
    )
    SELECT
        match_id, start_time, radiant_win, duration, game_mode, lobby_type, 22, kills * 4, deaths * 4,
        CASE WHEN bench.draw(match_id, 44, 10) = 0 THEN (
            SELECT jsonb_agg(jsonb_build_object(
                'is_pick', n % 2 = 0, 'hero_id', 1 + (match_id + n * 7) % 125, 'team', n / 2 % 2, 'order', n
            ) ORDER BY n)
            FROM generate_series(0, 19) AS n
        ) END,
        seen
    FROM (
        SELECT DISTINCT ON (match_id) * FROM staging_opendota.player_matches
        WHERE bench.draw(match_id, 43, 100) = 0 ORDER BY match_id, account_id
    ) AS detailed;
    GET DIAGNOSTICS count = ROW_COUNT;
    written := written + count;

    INSERT INTO staging_opendota.match_players (
        match_id, player_slot, account_id, personaname, hero_id, kills, deaths, assists, leaver_status, last_hits,
        denies, gold_per_min, xp_per_min, level, net_worth, hero_damage, tower_damage, hero_healing, _observed_at
    )
    SELECT
        match_id,
        player_slot,
        coalesce(h.account_id, CASE WHEN draw % 2 = 0 THEN 200000000 + place * 500 + draw / 2 % 500 END),
        'A player',
        coalesce(h.hero_id, 1 + draw % 125),
        coalesce(h.kills, draw % 15), coalesce(h.deaths, draw % 12), coalesce(h.assists, draw % 25), 0,
        50 + draw % 200, draw % 20, 250 + draw % 400, 300 + draw % 500, 15 + draw % 15, 9000 + draw % 20000,
        5000 + draw % 40000, draw % 9000, draw % 12000,
        seen
    FROM (
        SELECT
            match_id,
            place,
            CASE WHEN place < 5 THEN place ELSE place + 123 END AS player_slot,
            bench.draw(match_id * 16 + place, 45, 1000000000) AS draw
        FROM staging_opendota.matches CROSS JOIN generate_series(0, 9) AS place
    ) AS slots
    LEFT JOIN (
        SELECT * FROM staging_opendota.player_matches WHERE bench.draw(match_id, 43, 100) = 0
    ) AS h USING (match_id, player_slot);
    GET DIAGNOSTICS count = ROW_COUNT;
    written := written + count;

    INSERT INTO staging_opendota.teams (team_id, rating, wins, losses, last_match_time, name, tag, _observed_at)
    SELECT 5000 + n, 1000 + n, 100 + n, 100, bench.ends_at(), 'Team ' || n, 'T' || n, seen
    FROM generate_series(0, 63) AS n;
    GET DIAGNOSTICS count = ROW_COUNT;
    written := written + count;

    INSERT INTO staging_opendota.pro_matches (
        match_id, start_time, radiant_win, duration, radiant_team_id, radiant_name, dire_team_id, dire_name, leagueid,
        league_name, radiant_score, dire_score, _observed_at
    )
    SELECT
        6000000000 + n, bench.ends_at() - (total / 200 - n) * 22000, bench.draw(n, 46, 2) = 0, 2400,
        5000 + home, 'Team ' || home, 5000 + away, 'Team ' || away, 100 + n % 40, 'League ' || n % 40,
        bench.draw(n, 47, 50), bench.draw(n, 48, 50), seen
    FROM (
        SELECT n, home, (home + 1 + bench.draw(n, 49, 63)) % 64 AS away
        FROM (SELECT n, bench.draw(n, 50, 64) AS home FROM generate_series(1, total / 200) AS n) AS homes
    ) AS games;
    GET DIAGNOSTICS count = ROW_COUNT;
    written := written + count;

    INSERT INTO staging_opendota.constants (resource, id, value, _observed_at)
    SELECT 'heroes', n::text, jsonb_build_object('localized_name', 'Hero ' || n, 'primary_attr', 'agi'), seen
    FROM generate_series(1, 125) AS n
    UNION ALL
    SELECT
        'patch', n::text,
        jsonb_build_object('name', '7.' || n, 'date', to_char(date '2005-01-01' + n * 60, 'YYYY-MM-DD"T00:00:00Z"')),
        seen
    FROM generate_series(0, 127) AS n;
    GET DIAGNOSTICS count = ROW_COUNT;
    written := written + count;

    INSERT INTO ops.batches (
        batch_id, source, loaded_at, files, pages, records, inserted, updated, deleted, reobserved, rejected
    )
    VALUES (batch, 'opendota', now(), 0, 0, written, written, 0, 0, 0, 0);
    RETURN written;
END
$$;

-- Rows to change in a round, from a sample of this share, in an order that is independent of their position on disk.
CREATE FUNCTION bench.sample_rows(round bigint, share double precision, count bigint)
RETURNS SETOF staging_opendota.player_matches LANGUAGE sql STABLE AS $$
    SELECT * FROM staging_opendota.player_matches TABLESAMPLE BERNOULLI (least(100, 100 * share)) REPEATABLE (round)
    WHERE _deleted_at IS NULL AND start_time >= bench.oldest_change()
    ORDER BY hashint8extended(match_id # account_id, round), account_id
    LIMIT count
$$;

-- Responses of a round, one per player: 7,000 slots of new matches, one in seven of them up to a year late and the
-- others of the last day or of days after it, and 2,000 corrections of a result, of kills, or of the hero.
CREATE FUNCTION bench.responses(round bigint, total bigint, share double precision, days_after bigint)
RETURNS TABLE (account_id bigint, body text) LANGUAGE sql STABLE AS $$
    WITH fresh AS (
        SELECT
            to_jsonb(slots) || jsonb_build_object('start_time', CASE
                WHEN bench.draw(match_id, 60, 7) > 0
                    THEN bench.ends_at() + days_after * 86400 - 1 - bench.draw(match_id, 61, 86400)
                ELSE bench.ends_at() - 4 * 86400 - bench.draw(match_id, 61, 361 * 86400)
            END) AS record
        FROM bench.slots(total + (round - 1) * 2000 + 1, total + round * 2000, total) AS slots
    ),
    numbered AS (
        SELECT sampled.*, row_number() OVER () AS place FROM bench.sample_rows(round, share, 2000) AS sampled
    ),
    corrected AS (
        SELECT
            to_jsonb(numbered) - '{_batch_id,_observed_at,_loaded_at,_deleted_at,place}'::text[] || CASE place % 3
                WHEN 0 THEN jsonb_build_object('radiant_win', radiant_win IS NOT TRUE)
                WHEN 1 THEN jsonb_build_object('kills', kills + 1)
                ELSE jsonb_build_object('hero_id', 1 + hero_id % 125)
            END AS record
        FROM numbered
    )
    SELECT (record ->> 'account_id')::bigint, jsonb_agg(record - 'account_id')::text
    FROM (SELECT * FROM fresh UNION ALL SELECT * FROM corrected) AS records
    GROUP BY 1 ORDER BY 1
$$;

-- 1,000 slots to delete, none of them corrected in the same round.
CREATE FUNCTION bench.deletion(round bigint, share double precision) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'table', 'player_matches',
        'keys', jsonb_agg(jsonb_build_object('account_id', account_id, 'match_id', match_id))
    )::text
    FROM (SELECT * FROM bench.sample_rows(round, share, 3000) OFFSET 2000) AS deleted
$$;
