-- Schemas of a warehouse that eeefdc9 made, and its books of builds, as pg_dump writes them.
CREATE SCHEMA prep AUTHORIZATION ladder_marts_owner;
CREATE SCHEMA marts_blue AUTHORIZATION ladder_marts_owner;
CREATE SCHEMA marts_green AUTHORIZATION ladder_marts_owner;
CREATE SCHEMA marts AUTHORIZATION ladder_marts_owner;
GRANT USAGE ON SCHEMA marts TO ladder_analyst, ladder_serving;
CREATE TABLE public.ladder_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
CREATE SCHEMA ops;
ALTER SCHEMA ops OWNER TO ladder_owner;
COMMENT ON SCHEMA ops IS 'Books of the warehouse: batches, cursors, rejects, generations';
CREATE SCHEMA staging_opendota;
ALTER SCHEMA staging_opendota OWNER TO ladder_owner;
CREATE SEQUENCE ops.batch_ids
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE ops.batch_ids OWNER TO ladder_owner;
CREATE TABLE ops.batches (
    batch_id bigint NOT NULL,
    source text NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    files integer NOT NULL,
    pages integer NOT NULL,
    records bigint NOT NULL,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    deleted bigint NOT NULL,
    reobserved bigint NOT NULL,
    rejected bigint NOT NULL
);
ALTER TABLE ops.batches OWNER TO ladder_owner;
COMMENT ON TABLE ops.batches IS 'One row per load: what a transaction put into the staging tables';
COMMENT ON COLUMN ops.batches.reobserved IS 'rows whose content was seen again, unchanged, at a later time';
CREATE TABLE ops.build_inputs (
    colour text NOT NULL,
    as_of_date date,
    begun_at timestamp with time zone,
    CONSTRAINT build_inputs_colour_check CHECK ((colour = ANY (ARRAY['blue'::text, 'green'::text])))
);
ALTER TABLE ops.build_inputs OWNER TO ladder_owner;
COMMENT ON TABLE ops.build_inputs IS 'One row per colour: what the next build is told, and when the last one began';
COMMENT ON COLUMN ops.build_inputs.as_of_date IS 'date that windows hang on; null means the newest play date';
CREATE TABLE ops.build_state (
    colour text NOT NULL,
    head_batch_id bigint NOT NULL,
    inputs_digest text NOT NULL,
    as_of_date date,
    built_at timestamp with time zone NOT NULL,
    CONSTRAINT build_state_colour_check CHECK ((colour = ANY (ARRAY['blue'::text, 'green'::text])))
);
ALTER TABLE ops.build_state OWNER TO ladder_owner;
COMMENT ON TABLE ops.build_state IS 'One row per colour that has been built and tested: on which data and which models it stands';
CREATE TABLE ops.cursors (
    source text NOT NULL,
    name text NOT NULL,
    value jsonb NOT NULL,
    observed_at timestamp with time zone NOT NULL
);
ALTER TABLE ops.cursors OWNER TO ladder_owner;
COMMENT ON TABLE ops.cursors IS 'One row per cursor: how far a source has been read';
CREATE TABLE ops.drift (
    source text NOT NULL,
    field text NOT NULL,
    pages bigint NOT NULL,
    first_batch_id bigint NOT NULL,
    last_batch_id bigint NOT NULL
);
ALTER TABLE ops.drift OWNER TO ladder_owner;
COMMENT ON TABLE ops.drift IS 'One row per field that a source sends and no table definition knows; its values are in the lake';
CREATE TABLE ops.generations (
    generation bigint NOT NULL,
    colour text NOT NULL,
    as_of_date date,
    head_batch_id bigint NOT NULL,
    published_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT generations_colour_check CHECK ((colour = ANY (ARRAY['blue'::text, 'green'::text])))
);
ALTER TABLE ops.generations OWNER TO ladder_owner;
COMMENT ON TABLE ops.generations IS 'One row per publication; the newest is what the views of marts show';
CREATE TABLE ops.lake_files (
    path text NOT NULL,
    source text NOT NULL,
    endpoint text NOT NULL,
    pages integer NOT NULL,
    batch_id bigint NOT NULL
);
ALTER TABLE ops.lake_files OWNER TO ladder_owner;
COMMENT ON TABLE ops.lake_files IS 'One row per loaded lake file, by its path below the lake; a file without a row is still to be loaded';
CREATE TABLE ops.lake_pages (
    source text NOT NULL,
    digest bytea NOT NULL,
    batch_id bigint NOT NULL
);
ALTER TABLE ops.lake_pages OWNER TO ladder_owner;
COMMENT ON TABLE ops.lake_pages IS 'One row per loaded page, by digest; a page that comes again as it was needs no second look';
CREATE TABLE ops.passes (
    pass_id bigint NOT NULL,
    source text NOT NULL,
    name text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    report jsonb
);
ALTER TABLE ops.passes OWNER TO ladder_owner;
COMMENT ON TABLE ops.passes IS 'One row per pass over a source; one without an end is resumed by the next';
ALTER TABLE ops.passes ALTER COLUMN pass_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ops.passes_pass_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ops.rejects (
    source text NOT NULL,
    lake_path text NOT NULL,
    page integer NOT NULL,
    table_name text NOT NULL,
    record_index integer NOT NULL,
    endpoint text NOT NULL,
    field_path text NOT NULL,
    reason text NOT NULL,
    record text NOT NULL,
    batch_id bigint NOT NULL,
    replayed_at timestamp with time zone
);
ALTER TABLE ops.rejects OWNER TO ladder_owner;
COMMENT ON TABLE ops.rejects IS 'One row per record that could not become a row, and where its payload lies';
COMMENT ON COLUMN ops.rejects.record_index IS 'position in the page from 0; -1 for the page as a whole';
COMMENT ON COLUMN ops.rejects.replayed_at IS 'when a replay made a row of it; null while it is open';
CREATE TABLE ops.replays (
    source text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ops.replays OWNER TO ladder_owner;
COMMENT ON TABLE ops.replays IS 'One row per source whose replay is not finished; no build starts while it stands';
CREATE TABLE ops.tracked (
    source text NOT NULL,
    kind text NOT NULL,
    id text NOT NULL,
    added_at timestamp with time zone DEFAULT now() NOT NULL,
    removed_at timestamp with time zone
);
ALTER TABLE ops.tracked OWNER TO ladder_owner;
COMMENT ON TABLE ops.tracked IS 'One row per thing that a source is asked for; removed_at set once it is no longer';
CREATE TABLE ops.watermarks (
    colour text NOT NULL,
    model text NOT NULL,
    staging_table text NOT NULL,
    batch_id bigint NOT NULL,
    CONSTRAINT watermarks_colour_check CHECK ((colour = ANY (ARRAY['blue'::text, 'green'::text])))
);
ALTER TABLE ops.watermarks OWNER TO ladder_owner;
COMMENT ON TABLE ops.watermarks IS 'One row per colour, model and staging table: the newest batch that the model holds';
CREATE TABLE staging_opendota.constants (
    resource text NOT NULL,
    id text NOT NULL,
    value jsonb,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.constants OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.constants IS 'One row per resource and entry of the Dota 2 constants: heroes, game_mode, lobby_type, patch, region.';
COMMENT ON COLUMN staging_opendota.constants.resource IS 'name of the resource';
COMMENT ON COLUMN staging_opendota.constants.id IS 'key of the entry';
COMMENT ON COLUMN staging_opendota.constants.value IS 'the entry';
CREATE TABLE staging_opendota.match_players (
    match_id bigint NOT NULL,
    player_slot integer NOT NULL,
    account_id bigint,
    personaname text,
    name text,
    rank_tier integer,
    hero_id integer,
    hero_variant integer,
    kills integer,
    deaths integer,
    assists integer,
    leaver_status integer,
    last_hits integer,
    denies integer,
    gold_per_min integer,
    xp_per_min integer,
    level integer,
    net_worth integer,
    hero_damage integer,
    tower_damage integer,
    hero_healing integer,
    gold integer,
    gold_spent integer,
    total_gold integer,
    total_xp integer,
    item_0 integer,
    item_1 integer,
    item_2 integer,
    item_3 integer,
    item_4 integer,
    item_5 integer,
    item_neutral integer,
    backpack_0 integer,
    backpack_1 integer,
    backpack_2 integer,
    party_id integer,
    party_size integer,
    lane integer,
    lane_role integer,
    lane_efficiency_pct integer,
    obs_placed integer,
    sen_placed integer,
    camps_stacked integer,
    rune_pickups integer,
    buyback_count integer,
    actions_per_min integer,
    is_roaming boolean,
    stuns double precision,
    teamfight_participation double precision,
    multi_kills jsonb,
    kill_streaks jsonb,
    purchase_log jsonb,
    benchmarks jsonb,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.match_players OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.match_players IS 'One row per match and player slot of a match whose details were fetched.';
COMMENT ON COLUMN staging_opendota.match_players.match_id IS 'match';
COMMENT ON COLUMN staging_opendota.match_players.player_slot IS '0-4 Radiant, 128-132 Dire';
COMMENT ON COLUMN staging_opendota.match_players.account_id IS 'player; null when anonymous';
COMMENT ON COLUMN staging_opendota.match_players.personaname IS 'name shown on Steam';
COMMENT ON COLUMN staging_opendota.match_players.name IS 'name as a professional player';
COMMENT ON COLUMN staging_opendota.match_players.rank_tier IS 'medal x 10 + stars at the time of the answer';
COMMENT ON COLUMN staging_opendota.match_players.hero_id IS 'hero played; 0 when unknown';
COMMENT ON COLUMN staging_opendota.match_players.hero_variant IS 'facet of the hero';
COMMENT ON COLUMN staging_opendota.match_players.kills IS 'kills';
COMMENT ON COLUMN staging_opendota.match_players.deaths IS 'deaths';
COMMENT ON COLUMN staging_opendota.match_players.assists IS 'assists';
COMMENT ON COLUMN staging_opendota.match_players.leaver_status IS '0 stayed, 1-4 left in some way';
COMMENT ON COLUMN staging_opendota.match_players.last_hits IS 'last hits';
COMMENT ON COLUMN staging_opendota.match_players.denies IS 'denies';
COMMENT ON COLUMN staging_opendota.match_players.gold_per_min IS 'gold a minute';
COMMENT ON COLUMN staging_opendota.match_players.xp_per_min IS 'experience a minute';
COMMENT ON COLUMN staging_opendota.match_players.level IS 'level at the end';
COMMENT ON COLUMN staging_opendota.match_players.net_worth IS 'net worth at the end';
COMMENT ON COLUMN staging_opendota.match_players.hero_damage IS 'damage to heroes';
COMMENT ON COLUMN staging_opendota.match_players.tower_damage IS 'damage to buildings';
COMMENT ON COLUMN staging_opendota.match_players.hero_healing IS 'healing of heroes';
COMMENT ON COLUMN staging_opendota.match_players.gold IS 'gold at the end';
COMMENT ON COLUMN staging_opendota.match_players.gold_spent IS 'gold spent';
COMMENT ON COLUMN staging_opendota.match_players.total_gold IS 'gold earned';
COMMENT ON COLUMN staging_opendota.match_players.total_xp IS 'experience earned';
COMMENT ON COLUMN staging_opendota.match_players.item_0 IS 'item in slot 0';
COMMENT ON COLUMN staging_opendota.match_players.item_1 IS 'item in slot 1';
COMMENT ON COLUMN staging_opendota.match_players.item_2 IS 'item in slot 2';
COMMENT ON COLUMN staging_opendota.match_players.item_3 IS 'item in slot 3';
COMMENT ON COLUMN staging_opendota.match_players.item_4 IS 'item in slot 4';
COMMENT ON COLUMN staging_opendota.match_players.item_5 IS 'item in slot 5';
COMMENT ON COLUMN staging_opendota.match_players.item_neutral IS 'neutral item';
COMMENT ON COLUMN staging_opendota.match_players.backpack_0 IS 'item in the backpack';
COMMENT ON COLUMN staging_opendota.match_players.backpack_1 IS 'item in the backpack';
COMMENT ON COLUMN staging_opendota.match_players.backpack_2 IS 'item in the backpack';
COMMENT ON COLUMN staging_opendota.match_players.party_id IS 'party within the match';
COMMENT ON COLUMN staging_opendota.match_players.party_size IS 'players in the party';
COMMENT ON COLUMN staging_opendota.match_players.lane IS 'lane, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.lane_role IS 'role in the lane, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.lane_efficiency_pct IS 'gold at ten minutes against the possible, percent, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.obs_placed IS 'observer wards placed, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.sen_placed IS 'sentry wards placed, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.camps_stacked IS 'camps stacked, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.rune_pickups IS 'runes taken, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.buyback_count IS 'buybacks, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.actions_per_min IS 'actions a minute, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.is_roaming IS 'roamed, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.stuns IS 'seconds of stuns dealt, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.teamfight_participation IS 'share of team fights joined, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.multi_kills IS 'multi kills by size, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.kill_streaks IS 'kill streaks by length, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.purchase_log IS 'purchases in order, when parsed';
COMMENT ON COLUMN staging_opendota.match_players.benchmarks IS 'percentile by metric, as OpenDota computed it';
CREATE TABLE staging_opendota.matches (
    match_id bigint NOT NULL,
    start_time bigint,
    radiant_win boolean,
    duration integer,
    pre_game_duration integer,
    game_mode integer,
    lobby_type integer,
    cluster integer,
    region integer,
    patch integer,
    version integer,
    skill integer,
    radiant_score integer,
    dire_score integer,
    tower_status_radiant integer,
    tower_status_dire integer,
    barracks_status_radiant integer,
    barracks_status_dire integer,
    first_blood_time integer,
    human_players integer,
    leagueid integer,
    series_id integer,
    series_type integer,
    flags integer,
    engine integer,
    positive_votes integer,
    negative_votes integer,
    match_seq_num bigint,
    radiant_team_id bigint,
    dire_team_id bigint,
    radiant_name text,
    dire_name text,
    radiant_logo text,
    dire_logo text,
    radiant_captain bigint,
    dire_captain bigint,
    picks_bans jsonb,
    objectives jsonb,
    radiant_gold_adv jsonb,
    radiant_xp_adv jsonb,
    teamfights jsonb,
    replay_url text,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.matches OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.matches IS 'One row per match whose details were fetched.';
COMMENT ON COLUMN staging_opendota.matches.match_id IS 'match';
COMMENT ON COLUMN staging_opendota.matches.start_time IS 'start, seconds since 1970 UTC';
COMMENT ON COLUMN staging_opendota.matches.radiant_win IS 'Radiant won; null when unknown';
COMMENT ON COLUMN staging_opendota.matches.duration IS 'length of the match in seconds';
COMMENT ON COLUMN staging_opendota.matches.pre_game_duration IS 'seconds before the horn';
COMMENT ON COLUMN staging_opendota.matches.game_mode IS 'game mode, see constants';
COMMENT ON COLUMN staging_opendota.matches.lobby_type IS 'lobby type, see constants';
COMMENT ON COLUMN staging_opendota.matches.cluster IS 'server cluster';
COMMENT ON COLUMN staging_opendota.matches.region IS 'region, derived by OpenDota';
COMMENT ON COLUMN staging_opendota.matches.patch IS 'patch, derived by OpenDota';
COMMENT ON COLUMN staging_opendota.matches.version IS 'version of the replay parser; null when not parsed';
COMMENT ON COLUMN staging_opendota.matches.skill IS 'skill bracket, until 2020';
COMMENT ON COLUMN staging_opendota.matches.radiant_score IS 'kills of Radiant';
COMMENT ON COLUMN staging_opendota.matches.dire_score IS 'kills of Dire';
COMMENT ON COLUMN staging_opendota.matches.tower_status_radiant IS 'bit mask of standing towers';
COMMENT ON COLUMN staging_opendota.matches.tower_status_dire IS 'bit mask of standing towers';
COMMENT ON COLUMN staging_opendota.matches.barracks_status_radiant IS 'bit mask of standing barracks';
COMMENT ON COLUMN staging_opendota.matches.barracks_status_dire IS 'bit mask of standing barracks';
COMMENT ON COLUMN staging_opendota.matches.first_blood_time IS 'seconds after the horn';
COMMENT ON COLUMN staging_opendota.matches.human_players IS 'number of human players';
COMMENT ON COLUMN staging_opendota.matches.leagueid IS 'league; 0 when none';
COMMENT ON COLUMN staging_opendota.matches.series_id IS 'series';
COMMENT ON COLUMN staging_opendota.matches.series_type IS '0 best of 1, 1 best of 3, 2 best of 5';
COMMENT ON COLUMN staging_opendota.matches.flags IS 'flags as sent';
COMMENT ON COLUMN staging_opendota.matches.engine IS '0 Source, 1 Source 2';
COMMENT ON COLUMN staging_opendota.matches.positive_votes IS 'votes up';
COMMENT ON COLUMN staging_opendota.matches.negative_votes IS 'votes down';
COMMENT ON COLUMN staging_opendota.matches.match_seq_num IS 'sequence number of Valve';
COMMENT ON COLUMN staging_opendota.matches.radiant_team_id IS 'team on Radiant';
COMMENT ON COLUMN staging_opendota.matches.dire_team_id IS 'team on Dire';
COMMENT ON COLUMN staging_opendota.matches.radiant_name IS 'team name at the time, as older answers have it';
COMMENT ON COLUMN staging_opendota.matches.dire_name IS 'team name at the time, as older answers have it';
COMMENT ON COLUMN staging_opendota.matches.radiant_logo IS 'logo id; arrives rounded above 2^53, so text';
COMMENT ON COLUMN staging_opendota.matches.dire_logo IS 'logo id; arrives rounded above 2^53, so text';
COMMENT ON COLUMN staging_opendota.matches.radiant_captain IS 'account of the captain';
COMMENT ON COLUMN staging_opendota.matches.dire_captain IS 'account of the captain';
COMMENT ON COLUMN staging_opendota.matches.picks_bans IS 'draft: [{is_pick, hero_id, team, order}]';
COMMENT ON COLUMN staging_opendota.matches.objectives IS 'objectives taken, when parsed';
COMMENT ON COLUMN staging_opendota.matches.radiant_gold_adv IS 'gold advantage of Radiant by minute, when parsed';
COMMENT ON COLUMN staging_opendota.matches.radiant_xp_adv IS 'experience advantage of Radiant by minute, when parsed';
COMMENT ON COLUMN staging_opendota.matches.teamfights IS 'team fights, when parsed';
COMMENT ON COLUMN staging_opendota.matches.replay_url IS 'URL of the replay';
CREATE TABLE staging_opendota.player_matches (
    account_id bigint NOT NULL,
    match_id bigint NOT NULL,
    player_slot integer,
    radiant_win boolean,
    start_time bigint,
    duration integer,
    game_mode integer,
    lobby_type integer,
    hero_id integer,
    version integer,
    kills integer,
    deaths integer,
    assists integer,
    skill integer,
    average_rank integer,
    leaver_status integer,
    party_size integer,
    hero_variant integer,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.player_matches OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.player_matches IS 'One row per player and match of the player''s history, significant or not.';
COMMENT ON COLUMN staging_opendota.player_matches.account_id IS 'Steam account id (32 bit) of the player asked for';
COMMENT ON COLUMN staging_opendota.player_matches.match_id IS 'match';
COMMENT ON COLUMN staging_opendota.player_matches.player_slot IS '0-4 Radiant, 128-132 Dire';
COMMENT ON COLUMN staging_opendota.player_matches.radiant_win IS 'Radiant won; null when the result is unknown';
COMMENT ON COLUMN staging_opendota.player_matches.start_time IS 'start of the match, seconds since 1970 UTC';
COMMENT ON COLUMN staging_opendota.player_matches.duration IS 'length of the match in seconds';
COMMENT ON COLUMN staging_opendota.player_matches.game_mode IS 'game mode, see constants';
COMMENT ON COLUMN staging_opendota.player_matches.lobby_type IS 'lobby type, see constants';
COMMENT ON COLUMN staging_opendota.player_matches.hero_id IS 'hero played; 0 when unknown';
COMMENT ON COLUMN staging_opendota.player_matches.version IS 'version of the replay parser; null when not parsed';
COMMENT ON COLUMN staging_opendota.player_matches.kills IS 'kills';
COMMENT ON COLUMN staging_opendota.player_matches.deaths IS 'deaths';
COMMENT ON COLUMN staging_opendota.player_matches.assists IS 'assists';
COMMENT ON COLUMN staging_opendota.player_matches.skill IS 'skill bracket, until 2020';
COMMENT ON COLUMN staging_opendota.player_matches.average_rank IS 'average rank tier of the match';
COMMENT ON COLUMN staging_opendota.player_matches.leaver_status IS '0 stayed, 1-4 left in some way';
COMMENT ON COLUMN staging_opendota.player_matches.party_size IS 'players in the party, as sent (0, 9 and 10 occur)';
COMMENT ON COLUMN staging_opendota.player_matches.hero_variant IS 'facet of the hero';
CREATE TABLE staging_opendota.match_players__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    match_id bigint NOT NULL,
    player_slot integer NOT NULL,
    account_id bigint,
    personaname text,
    name text,
    rank_tier integer,
    hero_id integer,
    hero_variant integer,
    kills integer,
    deaths integer,
    assists integer,
    leaver_status integer,
    last_hits integer,
    denies integer,
    gold_per_min integer,
    xp_per_min integer,
    level integer,
    net_worth integer,
    hero_damage integer,
    tower_damage integer,
    hero_healing integer,
    gold integer,
    gold_spent integer,
    total_gold integer,
    total_xp integer,
    item_0 integer,
    item_1 integer,
    item_2 integer,
    item_3 integer,
    item_4 integer,
    item_5 integer,
    item_neutral integer,
    backpack_0 integer,
    backpack_1 integer,
    backpack_2 integer,
    party_id integer,
    party_size integer,
    lane integer,
    lane_role integer,
    lane_efficiency_pct integer,
    obs_placed integer,
    sen_placed integer,
    camps_stacked integer,
    rune_pickups integer,
    buyback_count integer,
    actions_per_min integer,
    is_roaming boolean,
    stuns double precision,
    teamfight_participation double precision,
    multi_kills jsonb,
    kill_streaks jsonb,
    purchase_log jsonb,
    benchmarks jsonb,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.match_players__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.matches__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    match_id bigint NOT NULL,
    start_time bigint,
    radiant_win boolean,
    duration integer,
    pre_game_duration integer,
    game_mode integer,
    lobby_type integer,
    cluster integer,
    region integer,
    patch integer,
    version integer,
    skill integer,
    radiant_score integer,
    dire_score integer,
    tower_status_radiant integer,
    tower_status_dire integer,
    barracks_status_radiant integer,
    barracks_status_dire integer,
    first_blood_time integer,
    human_players integer,
    leagueid integer,
    series_id integer,
    series_type integer,
    flags integer,
    engine integer,
    positive_votes integer,
    negative_votes integer,
    match_seq_num bigint,
    radiant_team_id bigint,
    dire_team_id bigint,
    radiant_name text,
    dire_name text,
    radiant_logo text,
    dire_logo text,
    radiant_captain bigint,
    dire_captain bigint,
    picks_bans jsonb,
    objectives jsonb,
    radiant_gold_adv jsonb,
    radiant_xp_adv jsonb,
    teamfights jsonb,
    replay_url text,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.matches__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.player_matches__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    account_id bigint NOT NULL,
    match_id bigint NOT NULL,
    player_slot integer,
    radiant_win boolean,
    start_time bigint,
    duration integer,
    game_mode integer,
    lobby_type integer,
    hero_id integer,
    version integer,
    kills integer,
    deaths integer,
    assists integer,
    skill integer,
    average_rank integer,
    leaver_status integer,
    party_size integer,
    hero_variant integer,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.player_matches__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.player_ranks (
    account_id bigint NOT NULL,
    observed_at text NOT NULL,
    rank_tier integer,
    leaderboard_rank integer,
    computed_mmr double precision,
    computed_mmr_turbo double precision,
    competitive_rank integer,
    solo_competitive_rank integer,
    mmr_estimate double precision,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.player_ranks OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.player_ranks IS 'One row per player and observation: the rank shown on the profile at that moment.';
COMMENT ON COLUMN staging_opendota.player_ranks.account_id IS 'Steam account id (32 bit) of the player asked for';
COMMENT ON COLUMN staging_opendota.player_ranks.observed_at IS 'when the profile was fetched, ISO 8601 in UTC';
COMMENT ON COLUMN staging_opendota.player_ranks.rank_tier IS 'medal x 10 + stars; 80 is Immortal; null when uncalibrated';
COMMENT ON COLUMN staging_opendota.player_ranks.leaderboard_rank IS 'place on the Immortal leaderboard';
COMMENT ON COLUMN staging_opendota.player_ranks.computed_mmr IS 'rating computed by OpenDota';
COMMENT ON COLUMN staging_opendota.player_ranks.computed_mmr_turbo IS 'rating computed by OpenDota over turbo matches';
COMMENT ON COLUMN staging_opendota.player_ranks.competitive_rank IS 'party rating, until 2018';
COMMENT ON COLUMN staging_opendota.player_ranks.solo_competitive_rank IS 'solo rating, until 2018';
COMMENT ON COLUMN staging_opendota.player_ranks.mmr_estimate IS 'rating estimated by OpenDota, until 2018';
CREATE TABLE staging_opendota.player_ratings (
    account_id bigint NOT NULL,
    "time" text NOT NULL,
    rank_tier integer,
    match_id bigint,
    solo_competitive_rank integer,
    competitive_rank integer,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.player_ratings OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.player_ratings IS 'One row per player and rating observation kept by OpenDota.';
COMMENT ON COLUMN staging_opendota.player_ratings.account_id IS 'Steam account id (32 bit) of the player asked for';
COMMENT ON COLUMN staging_opendota.player_ratings."time" IS 'when OpenDota observed it, ISO 8601';
COMMENT ON COLUMN staging_opendota.player_ratings.rank_tier IS 'medal x 10 + stars';
COMMENT ON COLUMN staging_opendota.player_ratings.match_id IS 'match after which it was observed, until 2018';
COMMENT ON COLUMN staging_opendota.player_ratings.solo_competitive_rank IS 'solo rating, until 2018';
COMMENT ON COLUMN staging_opendota.player_ratings.competitive_rank IS 'party rating, until 2018';
CREATE TABLE staging_opendota.league_matches (
    match_id bigint NOT NULL,
    start_time bigint,
    radiant_win boolean,
    duration integer,
    leagueid bigint,
    radiant_team_id bigint,
    dire_team_id bigint,
    series_id bigint,
    series_type integer,
    radiant_score integer,
    dire_score integer,
    version integer,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.league_matches OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.league_matches IS 'One row per match of a tracked league.';
COMMENT ON COLUMN staging_opendota.league_matches.match_id IS 'match';
COMMENT ON COLUMN staging_opendota.league_matches.start_time IS 'start, seconds since 1970 UTC';
COMMENT ON COLUMN staging_opendota.league_matches.radiant_win IS 'Radiant won; null when unknown';
COMMENT ON COLUMN staging_opendota.league_matches.duration IS 'length in seconds';
COMMENT ON COLUMN staging_opendota.league_matches.leagueid IS 'league';
COMMENT ON COLUMN staging_opendota.league_matches.radiant_team_id IS 'team on Radiant';
COMMENT ON COLUMN staging_opendota.league_matches.dire_team_id IS 'team on Dire';
COMMENT ON COLUMN staging_opendota.league_matches.series_id IS 'series';
COMMENT ON COLUMN staging_opendota.league_matches.series_type IS '0 best of 1, 1 best of 3, 2 best of 5';
COMMENT ON COLUMN staging_opendota.league_matches.radiant_score IS 'kills of Radiant';
COMMENT ON COLUMN staging_opendota.league_matches.dire_score IS 'kills of Dire';
COMMENT ON COLUMN staging_opendota.league_matches.version IS 'version of the replay parser';
CREATE TABLE staging_opendota.pro_matches (
    match_id bigint NOT NULL,
    start_time bigint,
    radiant_win boolean,
    duration integer,
    radiant_team_id bigint,
    radiant_name text,
    dire_team_id bigint,
    dire_name text,
    leagueid bigint,
    league_name text,
    series_id bigint,
    series_type integer,
    radiant_score integer,
    dire_score integer,
    version integer,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.pro_matches OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.pro_matches IS 'One row per professional match.';
COMMENT ON COLUMN staging_opendota.pro_matches.match_id IS 'match';
COMMENT ON COLUMN staging_opendota.pro_matches.start_time IS 'start, seconds since 1970 UTC';
COMMENT ON COLUMN staging_opendota.pro_matches.radiant_win IS 'Radiant won; null when unknown';
COMMENT ON COLUMN staging_opendota.pro_matches.duration IS 'length in seconds';
COMMENT ON COLUMN staging_opendota.pro_matches.radiant_team_id IS 'team on Radiant';
COMMENT ON COLUMN staging_opendota.pro_matches.radiant_name IS 'its name';
COMMENT ON COLUMN staging_opendota.pro_matches.dire_team_id IS 'team on Dire';
COMMENT ON COLUMN staging_opendota.pro_matches.dire_name IS 'its name';
COMMENT ON COLUMN staging_opendota.pro_matches.leagueid IS 'league';
COMMENT ON COLUMN staging_opendota.pro_matches.league_name IS 'its name';
COMMENT ON COLUMN staging_opendota.pro_matches.series_id IS 'series';
COMMENT ON COLUMN staging_opendota.pro_matches.series_type IS '0 best of 1, 1 best of 3, 2 best of 5';
COMMENT ON COLUMN staging_opendota.pro_matches.radiant_score IS 'kills of Radiant';
COMMENT ON COLUMN staging_opendota.pro_matches.dire_score IS 'kills of Dire';
COMMENT ON COLUMN staging_opendota.pro_matches.version IS 'version of the replay parser';
CREATE TABLE staging_opendota.team_matches (
    team_id bigint NOT NULL,
    match_id bigint NOT NULL,
    start_time bigint,
    radiant boolean,
    radiant_win boolean,
    radiant_score integer,
    dire_score integer,
    duration integer,
    leagueid bigint,
    league_name text,
    cluster integer,
    opposing_team_id bigint,
    opposing_team_name text,
    opposing_team_logo text,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.team_matches OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.team_matches IS 'One row per tracked team and match of its history.';
COMMENT ON COLUMN staging_opendota.team_matches.team_id IS 'team asked for';
COMMENT ON COLUMN staging_opendota.team_matches.match_id IS 'match';
COMMENT ON COLUMN staging_opendota.team_matches.start_time IS 'start, seconds since 1970 UTC';
COMMENT ON COLUMN staging_opendota.team_matches.radiant IS 'the team played on Radiant';
COMMENT ON COLUMN staging_opendota.team_matches.radiant_win IS 'Radiant won; null when unknown';
COMMENT ON COLUMN staging_opendota.team_matches.radiant_score IS 'kills of Radiant';
COMMENT ON COLUMN staging_opendota.team_matches.dire_score IS 'kills of Dire';
COMMENT ON COLUMN staging_opendota.team_matches.duration IS 'length in seconds';
COMMENT ON COLUMN staging_opendota.team_matches.leagueid IS 'league';
COMMENT ON COLUMN staging_opendota.team_matches.league_name IS 'its name';
COMMENT ON COLUMN staging_opendota.team_matches.cluster IS 'server cluster';
COMMENT ON COLUMN staging_opendota.team_matches.opposing_team_id IS 'team on the other side';
COMMENT ON COLUMN staging_opendota.team_matches.opposing_team_name IS 'its name';
COMMENT ON COLUMN staging_opendota.team_matches.opposing_team_logo IS 'URL of its logo';
CREATE TABLE staging_opendota.hero_stats (
    id integer NOT NULL,
    name text,
    localized_name text,
    primary_attr text,
    attack_type text,
    roles jsonb,
    pro_pick integer,
    pro_win integer,
    pro_ban integer,
    pub_pick integer,
    pub_win integer,
    turbo_picks integer,
    turbo_wins integer,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.hero_stats OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.hero_stats IS 'One row per hero: attributes and OpenDota''s own pick and win counts.';
COMMENT ON COLUMN staging_opendota.hero_stats.id IS 'hero';
COMMENT ON COLUMN staging_opendota.hero_stats.name IS 'internal name';
COMMENT ON COLUMN staging_opendota.hero_stats.localized_name IS 'name shown to players';
COMMENT ON COLUMN staging_opendota.hero_stats.primary_attr IS 'primary attribute: agi, str, int or all';
COMMENT ON COLUMN staging_opendota.hero_stats.attack_type IS 'Melee or Ranged';
COMMENT ON COLUMN staging_opendota.hero_stats.roles IS 'roles: array of text';
COMMENT ON COLUMN staging_opendota.hero_stats.pro_pick IS 'picks in professional matches';
COMMENT ON COLUMN staging_opendota.hero_stats.pro_win IS 'of these won';
COMMENT ON COLUMN staging_opendota.hero_stats.pro_ban IS 'bans in professional matches';
COMMENT ON COLUMN staging_opendota.hero_stats.pub_pick IS 'picks in public matches';
COMMENT ON COLUMN staging_opendota.hero_stats.pub_win IS 'of these won';
COMMENT ON COLUMN staging_opendota.hero_stats.turbo_picks IS 'picks in turbo matches';
COMMENT ON COLUMN staging_opendota.hero_stats.turbo_wins IS 'of these won';
CREATE TABLE staging_opendota.leagues (
    leagueid bigint NOT NULL,
    name text,
    tier text,
    ticket text,
    banner text,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.leagues OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.leagues IS 'One row per league.';
COMMENT ON COLUMN staging_opendota.leagues.leagueid IS 'league';
COMMENT ON COLUMN staging_opendota.leagues.name IS 'name';
COMMENT ON COLUMN staging_opendota.leagues.tier IS 'premium, professional, amateur or excluded; may be null';
COMMENT ON COLUMN staging_opendota.leagues.ticket IS 'path of the ticket image';
COMMENT ON COLUMN staging_opendota.leagues.banner IS 'path of the banner image';
CREATE TABLE staging_opendota.player_heroes (
    account_id bigint NOT NULL,
    hero_id integer NOT NULL,
    last_played bigint,
    games integer,
    win integer,
    with_games integer,
    with_win integer,
    against_games integer,
    against_win integer,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.player_heroes OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.player_heroes IS 'One row per player and hero: OpenDota''s own totals over significant matches, a cross-check for ours.';
COMMENT ON COLUMN staging_opendota.player_heroes.account_id IS 'Steam account id (32 bit) of the player asked for';
COMMENT ON COLUMN staging_opendota.player_heroes.hero_id IS 'hero';
COMMENT ON COLUMN staging_opendota.player_heroes.last_played IS 'last match with it, seconds since 1970 UTC; 0 when never';
COMMENT ON COLUMN staging_opendota.player_heroes.games IS 'matches with it';
COMMENT ON COLUMN staging_opendota.player_heroes.win IS 'matches won with it';
COMMENT ON COLUMN staging_opendota.player_heroes.with_games IS 'matches with it on the own side';
COMMENT ON COLUMN staging_opendota.player_heroes.with_win IS 'of these won';
COMMENT ON COLUMN staging_opendota.player_heroes.against_games IS 'matches against it';
COMMENT ON COLUMN staging_opendota.player_heroes.against_win IS 'of these won';
CREATE TABLE staging_opendota.players (
    account_id bigint NOT NULL,
    personaname text,
    name text,
    plus boolean,
    steamid text,
    avatarfull text,
    profileurl text,
    last_login text,
    loccountrycode text,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.players OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.players IS 'One row per player: the profile as last seen.';
COMMENT ON COLUMN staging_opendota.players.account_id IS 'Steam account id (32 bit) of the player asked for';
COMMENT ON COLUMN staging_opendota.players.personaname IS 'name shown on Steam';
COMMENT ON COLUMN staging_opendota.players.name IS 'name as a professional player';
COMMENT ON COLUMN staging_opendota.players.plus IS 'has Dota Plus';
COMMENT ON COLUMN staging_opendota.players.steamid IS 'Steam id (64 bit)';
COMMENT ON COLUMN staging_opendota.players.avatarfull IS 'URL of the avatar';
COMMENT ON COLUMN staging_opendota.players.profileurl IS 'URL of the Steam profile';
COMMENT ON COLUMN staging_opendota.players.last_login IS 'last login to OpenDota, ISO 8601';
COMMENT ON COLUMN staging_opendota.players.loccountrycode IS 'country on Steam, ISO 3166-1 alpha-2';
CREATE TABLE staging_opendota.teams (
    team_id bigint NOT NULL,
    rating double precision,
    wins integer,
    losses integer,
    last_match_time bigint,
    name text,
    tag text,
    logo_url text,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.teams OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.teams IS 'One row per professional team.';
COMMENT ON COLUMN staging_opendota.teams.team_id IS 'team';
COMMENT ON COLUMN staging_opendota.teams.rating IS 'Elo rating kept by OpenDota';
COMMENT ON COLUMN staging_opendota.teams.wins IS 'matches won';
COMMENT ON COLUMN staging_opendota.teams.losses IS 'matches lost';
COMMENT ON COLUMN staging_opendota.teams.last_match_time IS 'last match, seconds since 1970 UTC';
COMMENT ON COLUMN staging_opendota.teams.name IS 'name';
COMMENT ON COLUMN staging_opendota.teams.tag IS 'short name';
COMMENT ON COLUMN staging_opendota.teams.logo_url IS 'URL of the logo';
CREATE TABLE staging_opendota.constants__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    resource text NOT NULL,
    id text NOT NULL,
    value jsonb,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.constants__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.hero_stats__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    id integer NOT NULL,
    name text,
    localized_name text,
    primary_attr text,
    attack_type text,
    roles jsonb,
    pro_pick integer,
    pro_win integer,
    pro_ban integer,
    pub_pick integer,
    pub_win integer,
    turbo_picks integer,
    turbo_wins integer,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.hero_stats__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.league_matches__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    match_id bigint NOT NULL,
    start_time bigint,
    radiant_win boolean,
    duration integer,
    leagueid bigint,
    radiant_team_id bigint,
    dire_team_id bigint,
    series_id bigint,
    series_type integer,
    radiant_score integer,
    dire_score integer,
    version integer,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.league_matches__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.leagues__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    leagueid bigint NOT NULL,
    name text,
    tier text,
    ticket text,
    banner text,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.leagues__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.match_absences (
    match_id bigint NOT NULL,
    error text,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.match_absences OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.match_absences IS 'One row per match that was asked for and is not known to OpenDota (404).';
COMMENT ON COLUMN staging_opendota.match_absences.match_id IS 'match';
COMMENT ON COLUMN staging_opendota.match_absences.error IS 'the message of the answer';
CREATE TABLE staging_opendota.match_absences__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    match_id bigint NOT NULL,
    error text,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.match_absences__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.player_heroes__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    account_id bigint NOT NULL,
    hero_id integer NOT NULL,
    last_played bigint,
    games integer,
    win integer,
    with_games integer,
    with_win integer,
    against_games integer,
    against_win integer,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.player_heroes__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.player_ranks__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    account_id bigint NOT NULL,
    observed_at text NOT NULL,
    rank_tier integer,
    leaderboard_rank integer,
    computed_mmr double precision,
    computed_mmr_turbo double precision,
    competitive_rank integer,
    solo_competitive_rank integer,
    mmr_estimate double precision,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.player_ranks__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.player_ratings__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    account_id bigint NOT NULL,
    "time" text NOT NULL,
    rank_tier integer,
    match_id bigint,
    solo_competitive_rank integer,
    competitive_rank integer,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.player_ratings__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.players__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    account_id bigint NOT NULL,
    personaname text,
    name text,
    plus boolean,
    steamid text,
    avatarfull text,
    profileurl text,
    last_login text,
    loccountrycode text,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.players__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.pro_matches__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    match_id bigint NOT NULL,
    start_time bigint,
    radiant_win boolean,
    duration integer,
    radiant_team_id bigint,
    radiant_name text,
    dire_team_id bigint,
    dire_name text,
    leagueid bigint,
    league_name text,
    series_id bigint,
    series_type integer,
    radiant_score integer,
    dire_score integer,
    version integer,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.pro_matches__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.public_matches (
    match_id bigint NOT NULL,
    match_seq_num bigint,
    radiant_win boolean,
    start_time bigint,
    duration integer,
    lobby_type integer,
    game_mode integer,
    avg_rank_tier integer,
    num_rank_tier integer,
    avg_mmr integer,
    num_mmr integer,
    cluster integer,
    radiant_team jsonb,
    dire_team jsonb,
    _batch_id bigint DEFAULT (current_setting('ladder.batch_id'::text))::bigint NOT NULL,
    _observed_at timestamp with time zone NOT NULL,
    _loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.public_matches OWNER TO ladder_owner;
COMMENT ON TABLE staging_opendota.public_matches IS 'One row per public match of OpenDota''s sample.';
COMMENT ON COLUMN staging_opendota.public_matches.match_id IS 'match';
COMMENT ON COLUMN staging_opendota.public_matches.match_seq_num IS 'sequence number of Valve';
COMMENT ON COLUMN staging_opendota.public_matches.radiant_win IS 'Radiant won; null when unknown';
COMMENT ON COLUMN staging_opendota.public_matches.start_time IS 'start, seconds since 1970 UTC';
COMMENT ON COLUMN staging_opendota.public_matches.duration IS 'length in seconds';
COMMENT ON COLUMN staging_opendota.public_matches.lobby_type IS 'lobby type, see constants';
COMMENT ON COLUMN staging_opendota.public_matches.game_mode IS 'game mode, see constants';
COMMENT ON COLUMN staging_opendota.public_matches.avg_rank_tier IS 'average rank tier';
COMMENT ON COLUMN staging_opendota.public_matches.num_rank_tier IS 'players with a known rank';
COMMENT ON COLUMN staging_opendota.public_matches.avg_mmr IS 'average rating, until 2019';
COMMENT ON COLUMN staging_opendota.public_matches.num_mmr IS 'players with a known rating, until 2019';
COMMENT ON COLUMN staging_opendota.public_matches.cluster IS 'server cluster';
COMMENT ON COLUMN staging_opendota.public_matches.radiant_team IS 'hero ids: an array today, comma-separated text until 2019';
COMMENT ON COLUMN staging_opendota.public_matches.dire_team IS 'hero ids: an array today, comma-separated text until 2019';
CREATE TABLE staging_opendota.public_matches__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    match_id bigint NOT NULL,
    match_seq_num bigint,
    radiant_win boolean,
    start_time bigint,
    duration integer,
    lobby_type integer,
    game_mode integer,
    avg_rank_tier integer,
    num_rank_tier integer,
    avg_mmr integer,
    num_mmr integer,
    cluster integer,
    radiant_team jsonb,
    dire_team jsonb,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.public_matches__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.team_matches__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    team_id bigint NOT NULL,
    match_id bigint NOT NULL,
    start_time bigint,
    radiant boolean,
    radiant_win boolean,
    radiant_score integer,
    dire_score integer,
    duration integer,
    leagueid bigint,
    league_name text,
    cluster integer,
    opposing_team_id bigint,
    opposing_team_name text,
    opposing_team_logo text,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.team_matches__feed OWNER TO ladder_owner;
CREATE TABLE staging_opendota.teams__feed (
    _feed_batch_id bigint NOT NULL,
    _operation text NOT NULL,
    team_id bigint NOT NULL,
    rating double precision,
    wins integer,
    losses integer,
    last_match_time bigint,
    name text,
    tag text,
    logo_url text,
    _batch_id bigint,
    _observed_at timestamp with time zone,
    _loaded_at timestamp with time zone,
    _deleted_at timestamp with time zone
);
ALTER TABLE staging_opendota.teams__feed OWNER TO ladder_owner;
ALTER TABLE ONLY ops.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (batch_id);
ALTER TABLE ONLY ops.build_inputs
    ADD CONSTRAINT build_inputs_pkey PRIMARY KEY (colour);
ALTER TABLE ONLY ops.build_state
    ADD CONSTRAINT build_state_pkey PRIMARY KEY (colour);
ALTER TABLE ONLY ops.cursors
    ADD CONSTRAINT cursors_pkey PRIMARY KEY (source, name);
ALTER TABLE ONLY ops.drift
    ADD CONSTRAINT drift_pkey PRIMARY KEY (source, field);
ALTER TABLE ONLY ops.generations
    ADD CONSTRAINT generations_pkey PRIMARY KEY (generation);
ALTER TABLE ONLY ops.lake_files
    ADD CONSTRAINT lake_files_pkey PRIMARY KEY (path);
ALTER TABLE ONLY ops.lake_pages
    ADD CONSTRAINT lake_pages_pkey PRIMARY KEY (source, digest);
ALTER TABLE ONLY ops.passes
    ADD CONSTRAINT passes_pkey PRIMARY KEY (pass_id);
ALTER TABLE ONLY ops.rejects
    ADD CONSTRAINT rejects_pkey PRIMARY KEY (source, lake_path, page, table_name, record_index);
ALTER TABLE ONLY ops.replays
    ADD CONSTRAINT replays_pkey PRIMARY KEY (source);
ALTER TABLE ONLY ops.tracked
    ADD CONSTRAINT tracked_pkey PRIMARY KEY (source, kind, id);
ALTER TABLE ONLY ops.watermarks
    ADD CONSTRAINT watermarks_pkey PRIMARY KEY (colour, model, staging_table);
ALTER TABLE ONLY staging_opendota.constants
    ADD CONSTRAINT constants_pkey PRIMARY KEY (resource, id);
ALTER TABLE ONLY staging_opendota.hero_stats
    ADD CONSTRAINT hero_stats_pkey PRIMARY KEY (id);
ALTER TABLE ONLY staging_opendota.league_matches
    ADD CONSTRAINT league_matches_pkey PRIMARY KEY (match_id);
ALTER TABLE ONLY staging_opendota.leagues
    ADD CONSTRAINT leagues_pkey PRIMARY KEY (leagueid);
ALTER TABLE ONLY staging_opendota.match_absences
    ADD CONSTRAINT match_absences_pkey PRIMARY KEY (match_id);
ALTER TABLE ONLY staging_opendota.match_players
    ADD CONSTRAINT match_players_pkey PRIMARY KEY (match_id, player_slot);
ALTER TABLE ONLY staging_opendota.matches
    ADD CONSTRAINT matches_pkey PRIMARY KEY (match_id);
ALTER TABLE ONLY staging_opendota.player_heroes
    ADD CONSTRAINT player_heroes_pkey PRIMARY KEY (account_id, hero_id);
ALTER TABLE ONLY staging_opendota.player_matches
    ADD CONSTRAINT player_matches_pkey PRIMARY KEY (account_id, match_id);
ALTER TABLE ONLY staging_opendota.player_ranks
    ADD CONSTRAINT player_ranks_pkey PRIMARY KEY (account_id, observed_at);
ALTER TABLE ONLY staging_opendota.player_ratings
    ADD CONSTRAINT player_ratings_pkey PRIMARY KEY (account_id, "time");
ALTER TABLE ONLY staging_opendota.players
    ADD CONSTRAINT players_pkey PRIMARY KEY (account_id);
ALTER TABLE ONLY staging_opendota.pro_matches
    ADD CONSTRAINT pro_matches_pkey PRIMARY KEY (match_id);
ALTER TABLE ONLY staging_opendota.public_matches
    ADD CONSTRAINT public_matches_pkey PRIMARY KEY (match_id);
ALTER TABLE ONLY staging_opendota.team_matches
    ADD CONSTRAINT team_matches_pkey PRIMARY KEY (team_id, match_id);
ALTER TABLE ONLY staging_opendota.teams
    ADD CONSTRAINT teams_pkey PRIMARY KEY (team_id);
CREATE INDEX passes_open ON ops.passes USING btree (source, name) WHERE (finished_at IS NULL);
CREATE INDEX constants__batch ON staging_opendota.constants USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX constants__feed__batch ON staging_opendota.constants__feed USING brin (_feed_batch_id);
CREATE INDEX hero_stats__batch ON staging_opendota.hero_stats USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX hero_stats__feed__batch ON staging_opendota.hero_stats__feed USING brin (_feed_batch_id);
CREATE INDEX league_matches__batch ON staging_opendota.league_matches USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX league_matches__feed__batch ON staging_opendota.league_matches__feed USING brin (_feed_batch_id);
CREATE INDEX leagues__batch ON staging_opendota.leagues USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX leagues__feed__batch ON staging_opendota.leagues__feed USING brin (_feed_batch_id);
CREATE INDEX match_absences__batch ON staging_opendota.match_absences USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX match_absences__feed__batch ON staging_opendota.match_absences__feed USING brin (_feed_batch_id);
CREATE INDEX match_players__batch ON staging_opendota.match_players USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX match_players__feed__batch ON staging_opendota.match_players__feed USING brin (_feed_batch_id);
CREATE INDEX matches__batch ON staging_opendota.matches USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX matches__feed__batch ON staging_opendota.matches__feed USING brin (_feed_batch_id);
CREATE INDEX player_heroes__batch ON staging_opendota.player_heroes USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX player_heroes__feed__batch ON staging_opendota.player_heroes__feed USING brin (_feed_batch_id);
CREATE INDEX player_matches__batch ON staging_opendota.player_matches USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX player_matches__feed__batch ON staging_opendota.player_matches__feed USING brin (_feed_batch_id);
CREATE INDEX player_ranks__batch ON staging_opendota.player_ranks USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX player_ranks__feed__batch ON staging_opendota.player_ranks__feed USING brin (_feed_batch_id);
CREATE INDEX player_ratings__batch ON staging_opendota.player_ratings USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX player_ratings__feed__batch ON staging_opendota.player_ratings__feed USING brin (_feed_batch_id);
CREATE INDEX players__batch ON staging_opendota.players USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX players__feed__batch ON staging_opendota.players__feed USING brin (_feed_batch_id);
CREATE INDEX pro_matches__batch ON staging_opendota.pro_matches USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX pro_matches__feed__batch ON staging_opendota.pro_matches__feed USING brin (_feed_batch_id);
CREATE INDEX public_matches__batch ON staging_opendota.public_matches USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX public_matches__feed__batch ON staging_opendota.public_matches__feed USING brin (_feed_batch_id);
CREATE INDEX team_matches__batch ON staging_opendota.team_matches USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX team_matches__feed__batch ON staging_opendota.team_matches__feed USING brin (_feed_batch_id);
CREATE INDEX teams__batch ON staging_opendota.teams USING brin (_batch_id) WITH (pages_per_range='16');
CREATE INDEX teams__feed__batch ON staging_opendota.teams__feed USING brin (_feed_batch_id);
ALTER TABLE ONLY ops.drift
    ADD CONSTRAINT drift_first_batch_id_fkey FOREIGN KEY (first_batch_id) REFERENCES ops.batches(batch_id);
ALTER TABLE ONLY ops.drift
    ADD CONSTRAINT drift_last_batch_id_fkey FOREIGN KEY (last_batch_id) REFERENCES ops.batches(batch_id);
ALTER TABLE ONLY ops.lake_files
    ADD CONSTRAINT lake_files_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES ops.batches(batch_id);
ALTER TABLE ONLY ops.rejects
    ADD CONSTRAINT rejects_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES ops.batches(batch_id);
GRANT USAGE ON SCHEMA ops TO ladder_ingest;
GRANT USAGE ON SCHEMA ops TO ladder_transform;
GRANT USAGE ON SCHEMA ops TO ladder_marts_owner;
GRANT USAGE ON SCHEMA ops TO ladder_analyst;
GRANT USAGE ON SCHEMA ops TO ladder_serving;
GRANT USAGE ON SCHEMA staging_opendota TO ladder_ingest;
GRANT USAGE ON SCHEMA staging_opendota TO ladder_transform;
GRANT USAGE ON SCHEMA staging_opendota TO ladder_marts_owner;
GRANT USAGE ON SEQUENCE ops.batch_ids TO ladder_ingest;
GRANT SELECT,INSERT,UPDATE ON TABLE ops.batches TO ladder_ingest;
GRANT SELECT ON TABLE ops.batches TO ladder_transform;
GRANT SELECT ON TABLE ops.batches TO ladder_marts_owner;
GRANT SELECT ON TABLE ops.build_inputs TO ladder_ingest;
GRANT SELECT ON TABLE ops.build_inputs TO ladder_transform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ops.build_inputs TO ladder_marts_owner;
GRANT SELECT ON TABLE ops.build_state TO ladder_ingest;
GRANT SELECT ON TABLE ops.build_state TO ladder_transform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ops.build_state TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE ops.cursors TO ladder_ingest;
GRANT SELECT ON TABLE ops.cursors TO ladder_transform;
GRANT SELECT ON TABLE ops.cursors TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE ops.drift TO ladder_ingest;
GRANT SELECT ON TABLE ops.drift TO ladder_transform;
GRANT SELECT ON TABLE ops.drift TO ladder_marts_owner;
GRANT SELECT ON TABLE ops.generations TO ladder_ingest;
GRANT SELECT ON TABLE ops.generations TO ladder_transform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ops.generations TO ladder_marts_owner;
GRANT SELECT ON TABLE ops.generations TO ladder_analyst;
GRANT SELECT ON TABLE ops.generations TO ladder_serving;
GRANT SELECT,INSERT,UPDATE ON TABLE ops.lake_files TO ladder_ingest;
GRANT SELECT ON TABLE ops.lake_files TO ladder_transform;
GRANT SELECT ON TABLE ops.lake_files TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE ops.lake_pages TO ladder_ingest;
GRANT SELECT ON TABLE ops.lake_pages TO ladder_transform;
GRANT SELECT ON TABLE ops.lake_pages TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE ops.passes TO ladder_ingest;
GRANT SELECT ON TABLE ops.passes TO ladder_transform;
GRANT SELECT ON TABLE ops.passes TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE ops.rejects TO ladder_ingest;
GRANT SELECT ON TABLE ops.rejects TO ladder_transform;
GRANT SELECT ON TABLE ops.rejects TO ladder_marts_owner;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ops.replays TO ladder_ingest;
GRANT SELECT ON TABLE ops.replays TO ladder_transform;
GRANT SELECT ON TABLE ops.replays TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE ops.tracked TO ladder_ingest;
GRANT SELECT ON TABLE ops.tracked TO ladder_transform;
GRANT SELECT ON TABLE ops.tracked TO ladder_marts_owner;
GRANT SELECT ON TABLE ops.watermarks TO ladder_ingest;
GRANT SELECT ON TABLE ops.watermarks TO ladder_transform;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ops.watermarks TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.constants TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.constants TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.constants TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.match_players TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.match_players TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.match_players TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.matches TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.matches TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.matches TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.player_matches TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.player_matches TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.player_matches TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.match_players__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.match_players__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.match_players__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.matches__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.matches__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.matches__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.player_matches__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.player_matches__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.player_matches__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.player_ranks TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.player_ranks TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.player_ranks TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.player_ratings TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.player_ratings TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.player_ratings TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.league_matches TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.league_matches TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.league_matches TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.pro_matches TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.pro_matches TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.pro_matches TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.team_matches TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.team_matches TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.team_matches TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.hero_stats TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.hero_stats TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.hero_stats TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.leagues TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.leagues TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.leagues TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.player_heroes TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.player_heroes TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.player_heroes TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.players TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.players TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.players TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.teams TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.teams TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.teams TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.constants__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.constants__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.constants__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.hero_stats__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.hero_stats__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.hero_stats__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.league_matches__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.league_matches__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.league_matches__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.leagues__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.leagues__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.leagues__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.match_absences TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.match_absences TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.match_absences TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.match_absences__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.match_absences__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.match_absences__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.player_heroes__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.player_heroes__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.player_heroes__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.player_ranks__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.player_ranks__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.player_ranks__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.player_ratings__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.player_ratings__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.player_ratings__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.players__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.players__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.players__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.pro_matches__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.pro_matches__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.pro_matches__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.public_matches TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.public_matches TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.public_matches TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.public_matches__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.public_matches__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.public_matches__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.team_matches__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.team_matches__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.team_matches__feed TO ladder_marts_owner;
GRANT SELECT,INSERT,UPDATE ON TABLE staging_opendota.teams__feed TO ladder_ingest;
GRANT SELECT ON TABLE staging_opendota.teams__feed TO ladder_transform;
GRANT SELECT ON TABLE staging_opendota.teams__feed TO ladder_marts_owner;
INSERT INTO ops.build_inputs (colour, as_of_date, begun_at) VALUES ('green', NULL, NULL);
INSERT INTO ops.build_inputs (colour, as_of_date, begun_at) VALUES ('blue', NULL, '2026-11-30 10:18:56.532095+00');
INSERT INTO ops.build_state (colour, head_batch_id, inputs_digest, as_of_date, built_at) VALUES ('blue', 11, 'ffc1a064c2b93735bcd890f0a619934bf1418ba328f59372d08996c4ba30ce25', '2026-10-31', '2026-11-30 10:19:01.768293+00');
INSERT INTO ops.generations (generation, colour, as_of_date, head_batch_id, published_at) VALUES (1, 'blue', '2026-10-31', 11, '2026-11-30 10:19:01.775989+00');
INSERT INTO ops.watermarks (colour, model, staging_table, batch_id) VALUES ('blue', 'fct_player_matches', 'staging_opendota.matches', 11);
INSERT INTO ops.watermarks (colour, model, staging_table, batch_id) VALUES ('blue', 'fct_player_matches', 'staging_opendota.match_players', 11);
INSERT INTO ops.watermarks (colour, model, staging_table, batch_id) VALUES ('blue', 'fct_player_matches', 'staging_opendota.player_matches', 8);
INSERT INTO public.ladder_migrations (name, applied_at) VALUES ('0001_ops.sql', '2026-11-30 10:18:37.476508+00');
INSERT INTO public.ladder_migrations (name, applied_at) VALUES ('0002_marts.sql', '2026-11-30 10:18:37.476508+00');
