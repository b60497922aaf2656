-- Who works on models reads everything that models read and the published marts, and writes nowhere but in schemas of
-- their own. Views and seeds in prep are made anew by each full build, so what does not exist yet is granted too.
SET LOCAL ROLE ladder_marts_owner;

GRANT USAGE ON SCHEMA prep, marts TO ladder_developer;
GRANT SELECT ON ALL TABLES IN SCHEMA prep, marts TO ladder_developer;
ALTER DEFAULT PRIVILEGES IN SCHEMA prep GRANT SELECT ON TABLES TO ladder_developer;

RESET ROLE;
SET LOCAL ROLE ladder_owner;

GRANT USAGE ON SCHEMA ops TO ladder_developer;
GRANT SELECT ON ops.build_inputs, ops.generations, ops.tracked, ops.cursors TO ladder_developer;
